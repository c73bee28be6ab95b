package session

import (
	"context"
	"strings"

	"slotfs/sftpdest/wire"
)

const (
	// listAhead is how many READDIRs are in flight in a large directory; small ones start with two, the names
	// and the end.
	listAhead = 16
	listCost  = 32 << 10
	// statAhead is how many LSTATs are in flight for a server that lists without attributes.
	statAhead = 32
)

// List reads the directory as the server knows it, attributes included. A name that is gone by then is empty.
func (s *Session) List(ctx context.Context, dir string) ([]wire.Entry, error) {
	list, err := s.listOnce(ctx, dir, listAhead)
	if err == nil && repeated(list) {
		// Some servers answer READDIRs that are in flight together out of step.
		list, err = s.listOnce(ctx, dir, 1)
		list = unique(list)
	}
	if err == nil {
		err = s.complete(ctx, dir, list)
	}
	return list, err
}

// listOnce reads a directory with up to ahead READDIRs in flight: two round trips for a small one. The CLOSE is not
// waited for.
func (s *Session) listOnce(ctx context.Context, dir string, ahead int) ([]wire.Entry, error) {
	reply, err := s.Wait(ctx, s.SendString(wire.OpenDir, dir), s.CloseLate)
	if err != nil {
		return nil, err
	}
	if reply.Type != wire.Handle {
		return nil, Unexpected(reply)
	}
	handle, err := wire.HandleOf(reply.Body)
	if err != nil {
		return nil, err
	}
	defer s.Close(handle)
	l := lister{s: s, handle: handle, watch: s.CheckRate(), share: nameShare{budget: s.config.Names}}
	defer func() {
		l.share.end()
		for _, r := range l.flight {
			s.Leave(r, nil)
		}
	}()
	// More are sent only when the second reply is no end: what is in flight behind an end costs a round trip.
	for want := min(2, ahead); ; {
		l.fill(want)
		for range min(2, len(l.flight)) {
			if err := l.next(ctx); err != nil {
				return nil, err
			}
		}
		if len(l.flight) == 0 && l.end {
			return l.list, nil
		}
		want = min(4*want, ahead, max(1, mostListed/(l.largest+1)))
		if err := l.waitForBudget(ctx); err != nil {
			return nil, err
		}
	}
}

// lister is one directory being read.
type lister struct {
	s      *Session
	handle string
	flight []*Request
	watch  RateCheck
	end    bool
	list   []wire.Entry
	bytes  int
	share  nameShare

	largest int // bytes of a reply
}

// waitForBudget waits until more names may be asked for. That is no fault of the server's.
func (l *lister) waitForBudget(ctx context.Context) error {
	waited, err := l.share.grow(ctx, len(l.list))
	if waited {
		l.watch = l.s.CheckRate()
	}
	return err
}

func (l *lister) fill(want int) {
	for !l.end && len(l.flight) < want {
		l.flight = append(l.flight, l.s.Send(listCost, func(b []byte, id uint32) []byte {
			return wire.AppendString(b, wire.ReadDir, id, l.handle)
		}))
	}
}

// next takes the oldest reply. After the end, what is still in flight is looked at too: a server that works on
// several at a time may answer the end first.
func (l *lister) next(ctx context.Context) error {
	r := l.flight[0]
	l.flight = l.flight[1:]
	reply, err := l.s.Wait(ctx, r, nil)
	if err != nil {
		return err
	}
	if reply.Type != wire.Name {
		err := Unexpected(reply)
		if IsEOF(err) {
			l.end = true
			return nil
		}
		return err
	}
	defer l.s.Recycle(reply)
	l.largest = max(l.largest, len(reply.Body))
	before := len(l.list)
	if l.list, err = wire.NamesOf(l.list, reply.Body); err != nil {
		return err
	}
	if len(l.list) == before {
		// Nothing and no end: asking on could go on for ever.
		l.end = true
	}
	l.list = l.list[:before+l.clean(l.list[before:])]
	if len(l.list) > mostNames || l.bytes > mostNameBytes {
		return errTooManyNames
	}
	return l.watch.Check(len(l.list), minNames, "names")
}

// clean moves the names that can be in a directory to the front and tells how many they are.
func (l *lister) clean(names []wire.Entry) int {
	n := 0
	for _, e := range names {
		if e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00") {
			continue
		}
		l.bytes += len(e.Name)
		names[n] = e
		n++
	}
	return n
}
