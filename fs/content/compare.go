package content

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
)

// maxComparisons is how many are on their way for a handle. Reads that end meanwhile share the next one.
const maxComparisons = 2

// unchanged compares an open handle with the index. The comparison begins after the call: bytes that were read before
// are those of the indexed version, as far as size and time tell, also of a file that is being written to. The
// caller uses the handle.
func (m *remote) unchanged(ctx context.Context, h *handle) error { return h.looks.ask(ctx) }

// comparisons are the looks at what a handle is. They use it.
func (m *remote) comparisons(h *handle) coalescer {
	return coalescer{
		begin: func() bool {
			if !m.r.begin() {
				return false
			}
			h.mu.Lock()
			h.users++
			h.mu.Unlock()
			return true
		},
		make: func() error { return m.comparePieces(h) },
		end: func() {
			h.done()
			m.r.work.Done()
		},
		most: maxComparisons,
	}
}

func (m *remote) comparePieces(h *handle) error {
	ctx, cancel := context.WithTimeout(m.r.ctx, m.r.o.Deadline)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for i, f := range m.files {
		group.Go(func() (err error) {
			defer contain.Recover(&err)
			info, err := h.pieces[i].Stat(ctx)
			if err != nil {
				return fmt.Errorf("stat %s: %w", f.Path, err)
			}
			if !m.accepts(&f, info) {
				return fmt.Errorf("%s: %w", f.Path, backup.ErrStale)
			}
			return nil
		})
	}
	return group.Wait()
}
