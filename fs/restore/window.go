package restore

import (
	"context"
	"sync"
)

// window bounds how many bytes of the files that were begun are still to be read. Small files are read side by side, large
// ones one after the other, and all of them close to each other: an archive is read as one stream.
type window struct {
	limit int64

	mu sync.Mutex
	// mu guards what follows.
	open   int64
	waiter chan struct{} // nil: nobody waits
}

func newWindow(limit int64) *window { return &window{limit: max(limit, 1)} }

// enter waits until there is room and takes n bytes, however many these are. Only one may wait.
func (w *window) enter(ctx context.Context, n int64) error {
	for {
		w.mu.Lock()
		if w.open < w.limit {
			w.open += n
			w.mu.Unlock()
			return nil
		}
		w.waiter = make(chan struct{})
		room := w.waiter
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// leave gives n bytes back.
func (w *window) leave(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open -= n
	if w.waiter != nil && w.open < w.limit {
		close(w.waiter)
		w.waiter = nil
	}
}
