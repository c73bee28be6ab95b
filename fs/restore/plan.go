package restore

import (
	"context"

	"slotfs/indexer/backup"
)

// Plan counts the files of roots and the bytes that they take, and tells p as it goes on.
func Plan(ctx context.Context, roots []Root, p Progress) (bytes int64, err error) {
	c := counter{progress: p, seen: map[uint64]bool{}}
	for i := range roots {
		if err := c.entry(ctx, roots[i].Source, &roots[i].Entry); err != nil {
			return c.bytes, err
		}
	}
	c.flush()
	return c.bytes, nil
}

// counter walks like a restore does.
type counter struct {
	progress Progress
	seen     map[uint64]bool
	bytes    int64

	files, size int64 // not told yet
}

// planEvery is how many files are told of at once.
const planEvery = 256

func (c *counter) entry(ctx context.Context, from Source, e *Entry) error {
	switch e.Mode & backup.ModeType {
	case backup.ModeDir:
		return from.List(ctx, e, func(e *Entry) error { return c.entry(ctx, from, e) })
	case backup.ModeRegular:
		c.files++
		if e.Link == 0 || !c.seen[e.Link] {
			c.size += e.stored()
		}
		if e.Link != 0 {
			c.seen[e.Link] = true
		}
		if c.files >= planEvery {
			c.flush()
		}
	}
	return ctx.Err()
}

func (c *counter) flush() {
	c.bytes += c.size
	if c.progress != nil {
		c.progress.Planned(c.files, c.size)
	}
	c.files, c.size = 0, 0
}
