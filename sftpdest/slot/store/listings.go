package store

import (
	"context"
	"sync"

	"slotfs/indexer/dest"
)

// listings are directories whose listing was asked for before it is needed: several round trips become one.
type listings struct {
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
func (s *Store) PrefetchLists(ctx context.Context, dirs ...string) {
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	s.lists.all = make(map[string]*Listing)
	for _, dir := range dirs {
		l := StartList(ctx, s, dir)
		s.lists.all[dir] = l
		s.lists.wg.Go(func() { <-l.done })
	}
}

// ListPrefetched lists a directory, which may have been asked for. What it tells is no older than that.
func (s *Store) ListPrefetched(ctx context.Context, dir string) ([]dest.Info, error) {
	s.lists.mu.Lock()
	l := s.lists.all[dir]
	delete(s.lists.all, dir)
	s.lists.mu.Unlock()
	if l == nil {
		return s.List(ctx, dir)
	}
	return l.Wait()
}

// PeekPrefetched is what was asked for of a directory, which is left to others; nil if nothing was.
func (s *Store) PeekPrefetched(dir string) ([]dest.Info, error) {
	s.lists.mu.Lock()
	l := s.lists.all[dir]
	s.lists.mu.Unlock()
	if l == nil {
		return nil, nil
	}
	return l.Wait()
}

// Close waits for listings that nobody took.
func (s *Store) Close() { s.lists.wg.Wait() }
