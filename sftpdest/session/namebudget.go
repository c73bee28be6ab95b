package session

import (
	"context"
	"errors"
	"sync/atomic"
)

const (
	// mostNames and mostNameBytes bound what a server can make us keep of one directory.
	mostNames     = 1 << 20
	mostNameBytes = 64 << 20
	// sharedNames is how many names the directories that are being listed may have together; one of them may have more.
	sharedNames = 1 << 18
	// mostListed bounds the bytes of replies that are on their way for one directory, once their size is known.
	mostListed = 512 << 10
)

// errTooManyNames says that a listing has no end, or one that nobody should wait for.
var errTooManyNames = errors.New("more than a million names, or 64 MiB of them, in one directory")

// NameBudget bounds the names that all listings in progress keep in memory. When it is used up, one listing at a time may exceed it, and
// the others wait for that one. They cannot deadlock: the one that goes on needs nothing of them.
type NameBudget struct {
	used   atomic.Int64
	beyond chan struct{} // one token
}

func NewNameBudget() *NameBudget { return &NameBudget{beyond: make(chan struct{}, 1)} }

// nameShare is what one listing has of the budget.
type nameShare struct {
	budget *NameBudget // nil: without bounds
	names  int64
	beyond bool // it has the token
}

// grow takes n names into account, and waits until the listing may have more.
func (s *nameShare) grow(ctx context.Context, n int) (waited bool, err error) {
	if s.budget == nil {
		return false, nil
	}
	more := int64(n) - s.names
	s.names += more
	if used := s.budget.used.Add(more); used <= sharedNames || s.beyond {
		return false, nil
	}
	select {
	case s.budget.beyond <- struct{}{}:
		s.beyond = true
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// end returns the names to the budget.
func (s *nameShare) end() {
	if s.budget == nil {
		return
	}
	s.budget.used.Add(-s.names)
	if s.beyond {
		<-s.budget.beyond
	}
	s.names, s.beyond = 0, false
}
