package session

import (
	"bufio"
	"fmt"
	"runtime"
	"time"

	"slotfs/indexer/contain"
	"slotfs/sftpdest/wire"
)

// write sends what is queued until the session ends.
func (s *Session) write() {
	var b []byte
	for {
		select {
		case <-s.wake:
		case <-s.lost:
			return
		}
		runtime.Gosched() // who is about to send travels in the same packet
		s.mu.Lock()
		b, s.out = s.out, b[:0]
		s.mu.Unlock()
		if len(b) == 0 {
			continue
		}
		if _, err := s.rw.Write(b); err != nil {
			s.Fail(err)
			return
		}
	}
}

// receive hands replies out until the session ends.
func (s *Session) receive(in *bufio.Reader) {
	for {
		reply, err := wire.ReadReply(in, s.buffer)
		if err == nil {
			err = contain.Do(func() error { return s.deliver(reply) })
		}
		if err != nil {
			s.Fail(err)
			return
		}
	}
}

func (s *Session) deliver(reply wire.Reply) error {
	s.mu.Lock()
	r := s.pending[reply.ID]
	if r == nil {
		s.mu.Unlock()
		return fmt.Errorf("reply to Request %d, which was not sent: %w", reply.ID, wire.ErrMalformed)
	}
	if r.read && reply.Type == wire.Data && int64(len(reply.Body)) > r.cost+readHead {
		s.mu.Unlock()
		return fmt.Errorf("%d bytes for a read of %d: %w", len(reply.Body), r.cost, wire.ErrMalformed)
	}
	delete(s.pending, reply.ID)
	s.heard, s.mark = time.Now(), s.received.Load()
	s.throughput.note(len(reply.Body), s.heard)
	left := r.left
	s.replies++
	proven := s.replies == minReplies && s.config.OnProgress != nil
	s.mu.Unlock()
	if proven {
		s.config.OnProgress()
	}
	s.load.Add(-r.cost)
	if r.read {
		s.throughput.owed.Add(-r.cost)
	}
	if !left {
		r.reply <- result{Reply: reply}
		return nil
	}
	if r.leave != nil {
		r.leave(reply)
	}
	s.Recycle(reply)
	return nil
}

// buffer makes room for a reply of n bytes.
func (s *Session) buffer(n int) []byte {
	if n < largeReply {
		return make([]byte, n)
	}
	if b, ok := s.buffers.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, max(n, plainRead+64))
}

// Recycle takes the buffer of a reply back that nobody looks at any more.
func (s *Session) Recycle(reply wire.Reply) {
	if cap(reply.Body) < largeReply {
		return
	}
	b := reply.Body[:0]
	s.buffers.Put(&b)
}

// LimitReads notes that the server answers large READs with n bytes: asking for more only costs round trips.
func (s *Session) LimitReads(n int) {
	if n >= 4<<10 && int64(n) < s.readSize.Load() {
		s.readSize.Store(int64(n))
	}
}
