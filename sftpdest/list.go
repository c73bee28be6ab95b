package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"slotfs/indexer/dest"
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

// List implements dest.Reader. A symbolic link to a directory is listed like the directory, as OPENDIR does.
func (d *Destination) List(ctx context.Context, dir string) ([]dest.Info, error) {
	remote, err := d.remote(dir)
	if err != nil {
		return nil, err
	}
	list, err := d.listRemote(ctx, remote)
	if err != nil {
		return nil, d.absent(ctx, "list", dir, remote, err)
	}
	infos := make([]dest.Info, 0, len(list))
	for i := range list {
		e := &list[i]
		if e.Name != "" {
			infos = append(infos, info(e.Name, e.Attributes))
		}
	}
	return infos, nil
}

// listRemote lists a directory as the server knows it.
func (d *Destination) listRemote(ctx context.Context, remote string) (list []wire.Entry, err error) {
	err = d.doHandle(ctx, opening{}, func(s *session) (err error) {
		list, err = s.list(ctx, remote, listAhead)
		if err == nil && repeated(list) {
			// Some servers answer READDIRs that are in flight together out of step.
			list, err = s.list(ctx, remote, 1)
			list = unique(list)
		}
		if err == nil {
			err = s.complete(ctx, remote, list)
		}
		return err
	})
	return list, err
}

// list reads a directory with up to ahead READDIRs in flight: two round trips for a small one. The CLOSE is not
// waited for.
func (s *session) list(ctx context.Context, dir string, ahead int) ([]wire.Entry, error) {
	reply, err := s.wait(ctx, s.sendString(wire.OpenDir, dir), s.closeLate)
	if err != nil {
		return nil, err
	}
	if reply.Type != wire.Handle {
		return nil, unexpected(reply)
	}
	handle, err := wire.HandleOf(reply.Body)
	if err != nil {
		return nil, err
	}
	defer s.close(handle)
	l := lister{s: s, handle: handle, watch: s.stopwatch(), share: nameShare{room: s.names}}
	defer func() {
		l.share.end()
		for _, r := range l.flight {
			s.leave(r, nil)
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
		if err := l.room(ctx); err != nil {
			return nil, err
		}
	}
}

// lister is one directory being read.
type lister struct {
	s      *session
	handle string
	flight []*request
	watch  stopwatch
	end    bool
	list   []wire.Entry
	bytes  int
	share  nameShare

	largest int // bytes of a reply
}

// room waits until more names may be asked for. That is no fault of the server's.
func (l *lister) room(ctx context.Context) error {
	waited, err := l.share.grow(ctx, len(l.list))
	if waited {
		l.watch = l.s.stopwatch()
	}
	return err
}

func (l *lister) fill(want int) {
	for !l.end && len(l.flight) < want {
		l.flight = append(l.flight, l.s.send(listCost, func(b []byte, id uint32) []byte {
			return wire.AppendString(b, wire.ReadDir, id, l.handle)
		}))
	}
}

// next takes the oldest reply. After the end, what is still in flight is looked at too: a server that works on
// several at a time may answer the end first.
func (l *lister) next(ctx context.Context) error {
	r := l.flight[0]
	l.flight = l.flight[1:]
	reply, err := l.s.wait(ctx, r, nil)
	if err != nil {
		return err
	}
	if reply.Type != wire.Name {
		err := unexpected(reply)
		var status *statusError
		if errors.As(err, &status) && status.code == wire.StatusEOF {
			l.end = true
			return nil
		}
		return err
	}
	defer l.s.recycle(reply)
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
		return errTooMany
	}
	return l.watch.check(len(l.list), slowestNames, "names")
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

// repeated reports whether a name comes twice.
func repeated(list []wire.Entry) bool {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return true
		}
	}
	return false
}

// unique drops names that came before: the folder changed while it was listed.
func unique(list []wire.Entry) []wire.Entry {
	seen := make(map[string]struct{}, len(list))
	kept := list[:0]
	for _, e := range list {
		if _, again := seen[e.Name]; !again {
			seen[e.Name] = struct{}{}
			kept = append(kept, e)
		}
	}
	return kept
}

// complete asks for the attributes that a server left out of its listing. A name that is gone by then is emptied.
func (s *session) complete(ctx context.Context, dir string, list []wire.Entry) error {
	const needed = wire.HasMode | wire.HasSize | wire.HasTimes
	var lacking []int
	for i := range list {
		if list[i].Flags&needed != needed {
			lacking = append(lacking, i)
		}
	}
	var flight []*request
	defer func() {
		for _, r := range flight {
			s.leave(r, nil)
		}
	}()
	for done := 0; done < len(lacking); done++ {
		for len(flight) < statAhead && done+len(flight) < len(lacking) {
			flight = append(flight, s.sendString(wire.Lstat, dir+"/"+list[lacking[done+len(flight)]].Name))
		}
		r := flight[0]
		flight = flight[1:]
		reply, err := s.wait(ctx, r, nil)
		if err != nil {
			return err
		}
		e := &list[lacking[done]]
		a, err := attributesOf(reply)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			e.Name = ""
		case err != nil:
			return fmt.Errorf("%s: %w", show(e.Name), err)
		default:
			e.Attributes = a
		}
	}
	return nil
}
