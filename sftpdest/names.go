package sftpdest

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

// errTooMany says that a listing has no end, or one that nobody should wait for.
var errTooMany = errors.New("more than a million names, or 64 MiB of them, in one directory")

// nameRoom bounds the names of all listings that are under way. A listing that has no room waits until it is the only one
// that is let go beyond: whoever waits has what he has, and the one that goes on needs nothing of others.
type nameRoom struct {
	used   atomic.Int64
	beyond chan struct{} // one token
}

func newNameRoom() *nameRoom { return &nameRoom{beyond: make(chan struct{}, 1)} }

// nameShare is what one listing has of the room.
type nameShare struct {
	room   *nameRoom // nil: without bounds
	names  int64
	beyond bool // it has the token
}

// grow says that there are n names by now, and waits for room to have more.
func (s *nameShare) grow(ctx context.Context, n int) (waited bool, err error) {
	if s.room == nil {
		return false, nil
	}
	more := int64(n) - s.names
	s.names += more
	if used := s.room.used.Add(more); used <= sharedNames || s.beyond {
		return false, nil
	}
	select {
	case s.room.beyond <- struct{}{}:
		s.beyond = true
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// end gives everything back.
func (s *nameShare) end() {
	if s.room == nil {
		return
	}
	s.room.used.Add(-s.names)
	if s.beyond {
		<-s.room.beyond
	}
	s.names, s.beyond = 0, false
}
