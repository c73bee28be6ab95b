package indexer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"slotfs/indexer/tree"
)

const (
	// sharedEntries is how many entries of listings a pass has in memory as long as directories are walked side by side;
	// from there on they are walked one by one. That takes more entries only where the directories on one path have so many, up
	// to mostEntries.
	sharedEntries = 3 << 18
	mostEntries   = 3 << 19
	// mostSources and mostBlind bound what a walk finds.
	mostSources  = 1 << 19
	mostUnlisted = 10_000
)

// errWide says that directories have more entries than can be, or than fit in memory.
var errWide = errors.New("more than 1.5 million entries in the directories of one path")

// Memory is what the passes of a process share, so that as many as there are take no more than one. The zero value is ready.
type Memory struct {
	nodes   tree.Memory
	entries room
}

// room bounds the entries of listings that are in memory.
type room struct {
	held  atomic.Int64
	once  sync.Once
	token chan struct{} // of who walks on while there is no room
}

// take says that n more entries are in memory, until give.
func (r *room) take(n int) error {
	if r.held.Add(int64(n)) > mostEntries {
		r.give(n)
		return errWide
	}
	return nil
}

func (r *room) give(n int) { r.held.Add(-int64(n)) }

// enter waits while there is no room for listings side by side, unless it is the only one that goes on all the same. Who is
// that one walks all below it itself, and calls leave behind it.
func (r *room) enter(ctx context.Context) (alone bool, err error) {
	if r.held.Load() < sharedEntries {
		return false, nil
	}
	r.once.Do(func() { r.token = make(chan struct{}, 1) })
	select {
	case r.token <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (r *room) leave(alone bool) {
	if alone {
		<-r.token
	}
}
