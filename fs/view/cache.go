package view

import (
	"sync"

	"slotfs/indexer/lru"
)

// cacheBytes is about how much memory the views of snapshots may take.
const cacheBytes = 32 << 20

// viewCache keeps the views of the snapshots that were used last, and deduplicates concurrent builds of one view.
type viewCache struct {
	limit int64

	mu    sync.Mutex
	views lru.Map[uint64, *cached] // by serial; guarded by mu
}

type cached struct {
	rec   *shownSnapshot
	ready chan struct{} // closed when view and err are set
	view  *snapshotView
	err   error
}

// get returns the view of a snapshot, building it if need be. Errors are not kept.
func (c *viewCache) get(r *shownSnapshot, build func() (*snapshotView, error)) (*snapshotView, error) {
	c.mu.Lock()
	v, ok := c.views.Get(r.Serial)
	if ok && v.rec == r {
		c.mu.Unlock()
		<-v.ready
		return v.view, v.err
	}
	v = &cached{rec: r, ready: make(chan struct{})}
	c.views.Put(r.Serial, v, 0)
	c.mu.Unlock()
	c.fill(v, build)
	return v.view, v.err
}

// fill builds a view, whatever happens: who waits must not wait for ever.
func (c *viewCache) fill(v *cached, build func() (*snapshotView, error)) {
	v.err = errBuild
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if now, _ := c.views.Peek(v.rec.Serial); now != v {
			// It was replaced or dropped meanwhile.
		} else if v.err != nil {
			c.views.Delete(v.rec.Serial)
		} else {
			c.views.Put(v.rec.Serial, v, v.view.cost)
			c.views.Shrink(c.limit, func(old *cached) bool { return old != v })
		}
		close(v.ready)
	}()
	v.view, v.err = build()
}

// drop forgets a snapshot.
func (c *viewCache) drop(serial uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.views.Delete(serial)
}
