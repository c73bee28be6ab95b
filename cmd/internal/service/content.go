package service

import (
	"context"
	"fmt"
	"time"

	"slotfs/cmd/internal/service/metrics"
	"slotfs/fs"
	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// contentAdapter reads the snapshots of one destination for the mount, which knows no destinations. The destination is
// looked up with each file that is opened: its settings may have changed.
type contentAdapter struct {
	destinations *destinations
	name         string
	reads        *metrics.Reads
}

var _ fs.Content = contentAdapter{}

// Open opens a regular file of a snapshot.
func (c contentAdapter) Open(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it tree.Item) (fs.File, error) {
	return c.open(func(r *content.Reader) (*content.File, error) { return r.Open(ctx, s, t, it) })
}

// OpenOriginal opens a remote file of a snapshot.
func (c contentAdapter) OpenOriginal(ctx context.Context, s *backup.Snapshot, n int) (fs.File, error) {
	return c.open(func(r *content.Reader) (*content.File, error) { return r.OpenOriginal(ctx, s, n) })
}

// Deadline is how long a read may take.
func (c contentAdapter) Deadline() time.Duration { return c.destinations.deadline }

func (c contentAdapter) open(open func(*content.Reader) (*content.File, error)) (fs.File, error) {
	r, err := c.destinations.get(c.name)
	if err != nil {
		return nil, err
	}
	f, err := open(r.content)
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", c.name, err)
	}
	return &meteredFile{f, c.reads, c.name}, nil
}
