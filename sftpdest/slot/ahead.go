package slot

import (
	"context"
	"sync"

	"slotfs/indexer/dest"
)

// asked are folders whose listing was asked for before it is needed: several round trips become one.
type asked struct {
	wg sync.WaitGroup // of the listings on their way

	mu      sync.Mutex // guards what follows
	folders map[string]*listed
}

// ahead begins to list a folder.
func ahead(ctx context.Context, store dest.Reader, dir string) *listed {
	f := &listed{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.names, f.err = store.List(ctx, dir)
	}()
	return f
}

// ahead begins to list folders. The next list of each takes what comes of it. What was asked for before is forgotten.
func (r *remote) ahead(ctx context.Context, dirs ...string) {
	r.asked.mu.Lock()
	defer r.asked.mu.Unlock()
	r.asked.folders = make(map[string]*listed)
	for _, dir := range dirs {
		f := ahead(ctx, r.Store, dir)
		r.asked.folders[dir] = f
		r.asked.wg.Go(func() { <-f.done })
	}
}

// list lists a folder, which may have been asked for ahead. What it tells is no older than that.
func (r *remote) list(ctx context.Context, dir string) ([]dest.Info, error) {
	r.asked.mu.Lock()
	f := r.asked.folders[dir]
	delete(r.asked.folders, dir)
	r.asked.mu.Unlock()
	if f == nil {
		return r.List(ctx, dir)
	}
	<-f.done
	return f.names, f.err
}

// glance is list that asks for nothing, and leaves what was asked for to others. It returns nil if nothing was.
func (r *remote) glance(dir string) ([]dest.Info, error) {
	r.asked.mu.Lock()
	f := r.asked.folders[dir]
	r.asked.mu.Unlock()
	if f == nil {
		return nil, nil
	}
	<-f.done
	return f.names, f.err
}

// concurrently runs all of them side by side and returns what they returned.
func concurrently(all ...func() error) []error {
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, f := range all {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errs
}

// together runs all of them side by side and returns the first error.
func together(ctx context.Context, all ...func(ctx context.Context) error) error {
	return each(ctx, len(all), all, func(ctx context.Context, f func(ctx context.Context) error) error { return f(ctx) })
}
