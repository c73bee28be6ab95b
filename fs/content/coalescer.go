package content

import (
	"context"
	"sync"

	"slotfs/indexer/contain"
)

// coalescer deduplicates concurrent checks of one thing: each caller gets the result of a check that started after its call,
// and shares it with the other callers that wait for it.
type coalescer struct {
	begin func() bool  // before a check goes on in the background; false: the Reader is closed
	make  func() error // one check
	end   func()       // after that
	most  int          // checks that run at a time

	mu sync.Mutex
	// mu guards what follows.
	running int
	next    *check // starts when a running one ends
}

// check is one check, under way or waiting.
type check struct {
	done chan struct{} // closed when err is there
	err  error
}

// ask waits for a check that starts after the call.
func (s *coalescer) ask(ctx context.Context) error {
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

// wanted returns a check that has not started, or starts one.
func (s *coalescer) wanted() (*check, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		return s.next, nil
	}
	l := &check{done: make(chan struct{})}
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

// run makes a check, and then those that were asked for meanwhile.
func (s *coalescer) run(l *check) {
	defer s.end()
	for l != nil {
		l.err = contain.Do(s.make)
		close(l.done)
		s.mu.Lock()
		l, s.next = s.next, nil
		if l == nil {
			s.running--
		}
		s.mu.Unlock()
	}
}
