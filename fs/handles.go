package fs

import "sync"

// handles numbers open things. The zero value is ready; numbers are never used again.
type handles[T any] struct {
	mu sync.Mutex
	// mu guards what follows.
	open map[uint64]T
	last uint64
}

func (h *handles[T]) add(v T) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open == nil {
		h.open = map[uint64]T{}
	}
	h.last++
	h.open[h.last] = v
	return h.last
}

func (h *handles[T]) get(fh uint64) (T, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.open[fh]
	return v, ok
}

func (h *handles[T]) remove(fh uint64) (T, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.open[fh]
	delete(h.open, fh)
	return v, ok
}

// clear removes and returns all.
func (h *handles[T]) clear() []T {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []T
	for fh, v := range h.open {
		all = append(all, v)
		delete(h.open, fh)
	}
	return all
}
