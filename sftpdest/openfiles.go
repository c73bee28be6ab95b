package sftpdest

import (
	"sync"
	"sync/atomic"

	"slotfs/sftpdest/pool"
)

// openFiles are the files that have handles.
type openFiles struct {
	turn atomic.Int64 // uses of files

	// mu guards what follows. Who has it may take a file's, and never the other way about.
	mu    sync.Mutex
	files map[*file]struct{}
}

func (o *openFiles) add(f *file) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.files == nil {
		o.files = make(map[*file]struct{})
	}
	o.files[f] = struct{}{}
}

func (o *openFiles) remove(f *file) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.files, f)
}

// tick numbers uses of files, so that the one that was used longest ago is found.
func (o *openFiles) tick() int64 { return o.turn.Add(1) }

// evict closes the handle that was used longest ago and that nobody reads of, and reports whether there was one.
func (o *openFiles) evict() bool {
	for {
		o.mu.Lock()
		var oldest *file
		for f := range o.files {
			if f.idle() && (oldest == nil || f.used.Load() < oldest.used.Load()) {
				oldest = f
			}
		}
		o.mu.Unlock()
		if oldest == nil {
			return false
		}
		if oldest.closeIdleHandles() {
			return true
		}
	}
}

// idle reports whether the file has a handle and nobody reads of any.
func (f *file) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.handles) > 0 && !f.inUse()
}

// inUse needs f.mu.
func (f *file) inUse() bool {
	for _, h := range f.handles {
		if h.inUse.Load() > 0 {
			return true
		}
	}
	return f.opening > 0
}

// release says that one user of h is through.
func (f *file) release(h *handle) {
	if h.inUse.Add(-1) == 0 {
		f.d.pool.WakeWaiters()
	}
}

// closeIdleHandles gives the handles of an idle file back. The next read opens it again, and finds out if it is another one then.
func (f *file) closeIdleHandles() bool {
	f.mu.Lock()
	if f.inUse() || len(f.handles) == 0 {
		f.mu.Unlock()
		return false
	}
	handles := f.handles
	f.handles = nil
	f.mu.Unlock()
	for _, h := range handles {
		f.d.closeHandle(h.s, h.id)
	}
	return true
}

// closeHandle gives a counted handle back without waiting.
func (d *Destination) closeHandle(s *pool.Session, id string) {
	s.Close(id)
	d.pool.FreeHandle(s)
}
