package content

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/backup"
)

// comparison is one look at what the pieces of a handle are at that moment.
type comparison struct {
	done  chan struct{} // closed when fault is known
	fault error
}

// maxComparisons is how many are on their way for a handle. Reads that end meanwhile share the next one.
const maxComparisons = 2

// unchanged compares an open handle with the index. The comparison begins after the call: bytes that were read before
// are those of the indexed version, as far as size and time tell, also of a file that is being written to. The
// caller uses the handle.
func (m *remote) unchanged(ctx context.Context, h *handle) error {
	h.mu.Lock()
	c := h.next
	switch {
	case c != nil:
	case h.comparing == maxComparisons:
		c = &comparison{done: make(chan struct{})}
		h.next = c
	case !m.r.begin():
		h.mu.Unlock()
		return errReader
	default:
		c = &comparison{done: make(chan struct{})}
		h.comparing++
		h.users++
		go m.compareAll(h, c)
	}
	h.mu.Unlock()
	select {
	case <-c.done:
		return c.fault
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// compareAll makes a comparison, and then those that were asked for meanwhile.
func (m *remote) compareAll(h *handle, c *comparison) {
	defer m.r.work.Done()
	defer h.done()
	for c != nil {
		c.fault = m.compareOnce(h)
		close(c.done)
		h.mu.Lock()
		if c, h.next = h.next, nil; c == nil {
			h.comparing--
		}
		h.mu.Unlock()
	}
}

func (m *remote) compareOnce(h *handle) error {
	ctx, cancel := context.WithTimeout(m.r.ctx, m.r.o.Deadline)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for i, f := range m.files {
		group.Go(func() error {
			info, err := h.pieces[i].Stat(ctx)
			if err != nil {
				return fmt.Errorf("stat %s: %w", f.Path, err)
			}
			if !f.Is(info.Size, info.MTime) {
				return fmt.Errorf("%s: %w", f.Path, backup.ErrStale)
			}
			return nil
		})
	}
	return group.Wait()
}
