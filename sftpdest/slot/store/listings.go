package store

import (
	"context"
	"sync"

	"slotfs/indexer/dest"
)

// Listings are those that are asked for before they are needed: several round trips become one.
type Listings struct {
	lister
	wg sync.WaitGroup // of the listings on their way

	mu  sync.Mutex // guards what follows
	all map[string]*Listing
}

// Listing is a listing on its way.
type Listing struct {
	names []dest.Info
	err   error
	done  chan struct{}
}

// StartList begins to list a directory.
func StartList(ctx context.Context, d lister, dir string) *Listing {
	l := &Listing{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.names, l.err = d.List(ctx, dir)
	}()
	return l
}

// Wait returns the names when they are there.
func (l *Listing) Wait() ([]dest.Info, error) {
	<-l.done
	return l.names, l.err
}

// PrefetchLists begins to list directories. The next ListPrefetched of each takes what comes of it. What was asked for before is
// forgotten.
func (l *Listings) PrefetchLists(ctx context.Context, dirs ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = make(map[string]*Listing)
	for _, dir := range dirs {
		one := StartList(ctx, l, dir)
		l.all[dir] = one
		l.wg.Go(func() { <-one.done })
	}
}

// ListPrefetched lists a directory, which may have been asked for. What it tells is no older than that.
func (l *Listings) ListPrefetched(ctx context.Context, dir string) ([]dest.Info, error) {
	l.mu.Lock()
	one := l.all[dir]
	delete(l.all, dir)
	l.mu.Unlock()
	if one == nil {
		return l.List(ctx, dir)
	}
	return one.Wait()
}

// PeekPrefetched is what was asked for of a directory, which is left to others; nil if nothing was.
func (l *Listings) PeekPrefetched(dir string) ([]dest.Info, error) {
	l.mu.Lock()
	one := l.all[dir]
	l.mu.Unlock()
	if one == nil {
		return nil, nil
	}
	return one.Wait()
}

// await waits for listings that nobody took.
func (l *Listings) await() { l.wg.Wait() }
