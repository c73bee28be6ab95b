package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"slotfs/indexer/backup"
)

// ReadBlock implements dest.Revalidator. What one READ brings is not copied.
func (f *file) ReadBlock(ctx context.Context, off int64, n int, unchanged bool) ([]byte, error) {
	if off < 0 || n < 0 || off > math.MaxInt64-int64(n) {
		return nil, f.d.fail("read", f.path, fmt.Errorf("%d bytes at %d: %w", n, off, fs.ErrInvalid))
	}
	block, err := f.block(ctx, off, n, unchanged)
	if err != nil {
		return nil, f.d.fail("read", f.path, err)
	}
	if block != nil {
		return block, nil
	}
	block = make([]byte, n)
	n, err = f.readAt(ctx, block, off, unchanged)
	return block[:n], err
}

// block asks once, with one READ. It returns nil where that is not enough, whatever the reason. The only error is
// backup.ErrStale: asking again for a file that changed would bring the same, behind all that is in flight.
func (f *file) block(ctx context.Context, off int64, n int, unchanged bool) ([]byte, error) {
	if n == 0 || off+int64(n) > f.first.Size {
		return nil, nil
	}
	h, err := f.handle(ctx)
	if err != nil {
		return nil, nil
	}
	defer f.release(h)
	if int64(n) > h.s.ReadSize() {
		return nil, nil
	}
	t := part{n: n, off: off, h: h}
	t.send(unchanged)
	reply, data, err := t.data(ctx)
	if err != nil && t.revalidation != nil {
		h.s.Leave(t.revalidation, nil)
	}
	if err == nil {
		err = t.compare(ctx, f.first)
	}
	switch {
	case errors.Is(err, backup.ErrStale):
		h.s.Recycle(reply)
		return nil, err
	case err != nil:
		_ = f.d.drop(h.s, err) // asking again tells
	case len(data) < n:
		h.s.LimitReads(len(data))
	default:
		return data, nil
	}
	h.s.Recycle(reply)
	return nil, nil
}
