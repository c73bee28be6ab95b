package upload

import (
	"crypto/sha256"
	"sync"
)

// offset is a position in a file, and the hash of everything before it.
type offset struct {
	at  int64
	sum [sha256.Size]byte
}

// written is what of a file is on the server.
type written struct {
	mu   sync.Mutex       // guards what follows
	done map[int64]offset // beyond head: by offset, where it ends
	head offset           // everything before is written
	mark int64            // everything before is in a mark
}

// enter enters that what begins at off is written up to end. It returns the new head, and whether a mark is due there.
func (w *written) enter(off int64, end offset, every int64) (head offset, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if off >= w.head.at {
		w.done[off] = end
	}
	for end, ok := w.done[w.head.at]; ok; end, ok = w.done[w.head.at] {
		delete(w.done, w.head.at)
		w.head = end
	}
	if every > 0 && w.head.at-w.mark >= every {
		w.mark = w.head.at
		return w.head, true
	}
	return w.head, false
}

// reset forgets what is beyond head, and returns it.
func (w *written) reset() offset {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.done)
	return w.head
}
