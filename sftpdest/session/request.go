package session

import (
	"context"
	"time"

	"slotfs/sftpdest/wire"
)

// Request is one that was sent.
type Request struct {
	id    uint32
	cost  int64
	read  bool // a READ
	quick bool // it changes nothing: the server has no reason to take long
	sent  time.Time
	ahead int64 // bytes that the server owed before it
	reply chan result
	// leave is set when nobody waits any more; it gets a reply that came too late.
	leave func(wire.Reply)
	left  bool
}

type result struct {
	wire.Reply
	err error
}

// Send queues the request that build appends, and does not wait. cost is about how many bytes the server will
// answer with. The result is always answered, by the server or by the end of the session.
func (s *Session) Send(cost int64, build func(b []byte, id uint32) []byte) *Request {
	return s.queue(&Request{cost: cost, reply: make(chan result, 1)}, build)
}

// SendRead sends a READ of n bytes at off.
func (s *Session) SendRead(handle string, off int64, n int) *Request {
	r := &Request{cost: int64(n), read: true, reply: make(chan result, 1)}
	return s.queue(r, func(b []byte, id uint32) []byte { return wire.AppendRead(b, id, handle, off, n) })
}

func (s *Session) queue(r *Request, build func(b []byte, id uint32) []byte) *Request {
	s.mu.Lock()
	if s.err != nil {
		err := s.err
		s.mu.Unlock()
		r.reply <- result{err: err}
		return r
	}
	s.newest++
	for s.pending[s.newest] != nil {
		s.newest++
	}
	if len(s.pending) == 0 {
		s.heard, s.mark = time.Now(), s.received.Load()
		s.throughput.begin(s.heard)
	}
	r.id, r.sent, r.ahead = s.newest, time.Now(), s.load.Load()
	s.pending[r.id] = r
	began := len(s.out)
	s.out = build(s.out, r.id)
	r.quick = wire.Asks(s.out[began:])
	s.mu.Unlock()
	s.load.Add(r.cost)
	if r.read {
		s.throughput.owed.Add(r.cost)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return r
}

// SendString sends a request whose body is one string.
func (s *Session) SendString(typ byte, body string) *Request {
	return s.Send(SmallCost, func(b []byte, id uint32) []byte { return wire.AppendString(b, typ, id, body) })
}

// SmallCost is what a request costs that is answered in a few bytes; the server's work on it counts as well.
const SmallCost = 4 << 10

// Ask sends a request whose body is one string and waits for its reply.
func (s *Session) Ask(ctx context.Context, typ byte, body string) (wire.Reply, error) {
	return s.Wait(ctx, s.SendString(typ, body), nil)
}

// Wait returns the reply to r. If ctx ends first, late gets the reply that comes after that (nil: it is dropped).
func (s *Session) Wait(ctx context.Context, r *Request, late func(wire.Reply)) (wire.Reply, error) {
	select {
	case got := <-r.reply:
		return got.Reply, got.err
	default:
	}
	select {
	case got := <-r.reply:
		return got.Reply, got.err
	case <-ctx.Done():
		s.Leave(r, late)
		return wire.Reply{}, ctx.Err()
	}
}

// Leave gives up waiting for r.
func (s *Session) Leave(r *Request, late func(wire.Reply)) {
	s.mu.Lock()
	if s.pending[r.id] == r {
		r.left, r.leave = true, late
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	got := <-r.reply
	if got.err == nil && late != nil {
		late(got.Reply)
	}
}

// CloseLate closes the handle of an open that was given up.
func (s *Session) CloseLate(reply wire.Reply) {
	if reply.Type != wire.Handle {
		return
	}
	if handle, err := wire.HandleOf(reply.Body); err == nil {
		s.Close(handle)
	}
}

// Close gives a handle back without waiting.
func (s *Session) Close(handle string) {
	s.Leave(s.SendString(wire.Close, handle), nil)
}
