package content

import (
	"context"
	"sync"

	"slotfs/indexer/contain"
)

// looks has something looked at for all who ask: each is told by a look that began after he asked, which he shares with
// others who wait for it.
type looks struct {
	begin func() bool  // before looking goes on in the background; false: the Reader is closed
	make  func() error // one look
	end   func()       // after that
	most  int          // looks that are under way at a time

	mu sync.Mutex
	// mu guards what follows.
	running int
	next    *look // begins when one of those that are under way ends
}

// look is one look at something.
type look struct {
	done chan struct{} // closed when err is there
	err  error
}

// ask waits for a look that begins after the call.
func (s *looks) ask(ctx context.Context) error {
	l, err := s.wanted()
	if err != nil {
		return err
	}
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wanted returns a look that has not begun, or begins one.
func (s *looks) wanted() (*look, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		return s.next, nil
	}
	l := &look{done: make(chan struct{})}
	if s.running == s.most {
		s.next = l
		return l, nil
	}
	if !s.begin() {
		return nil, errReader
	}
	s.running++
	go s.run(l)
	return l, nil
}

// run makes a look, and then those that were asked for meanwhile.
func (s *looks) run(l *look) {
	defer s.end()
	for l != nil {
		l.err = contain.Do(s.make)
		close(l.done)
		s.mu.Lock()
		if l, s.next = s.next, nil; l == nil {
			s.running--
		}
		s.mu.Unlock()
	}
}
