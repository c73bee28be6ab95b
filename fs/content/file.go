package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"slotfs/indexer/backup"
)

// File is the content of one file. It is safe for concurrent use.
type File struct {
	r        *Reader
	snapshot *backup.Snapshot // nil of an original
	name     string
	size     int64
	serial   uint64
	// damaged says that its archive ends where its data are damaged, if it ends early.
	damaged bool
	lease   *readLease
	state   *state // of the slot that it lies in; nil if it lies in none
	source  *shared
	extents []extent // ascending; what lies between them reads as zeros
	closed  atomic.Bool
}

// ReadAt reads len(p) bytes at off; fewer only with an error, io.EOF at the end. backup.ErrStale when the remote
// file is not the one that was indexed, backup.ErrCorrupt when its bytes are not, backup.ErrEnd where the archive ends early.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	blocks, err := f.ReadBlocks(ctx, len(p), off)
	for _, b := range blocks {
		n += copy(p[n:], b)
	}
	return n, err
}

// ReadBlocks is ReadAt for n bytes that are not copied from where they are kept. They come in pieces, in order, and must
// not be changed.
func (f *File) ReadBlocks(ctx context.Context, n int, off int64) ([][]byte, error) {
	switch {
	case f.closed.Load():
		return nil, fmt.Errorf("read %q: %w", f.name, fs.ErrClosed)
	case off < 0 || n < 0:
		return nil, fmt.Errorf("read %q at %d: %w", f.name, off, fs.ErrInvalid)
	case n == 0:
		return nil, nil
	case off >= f.size:
		return nil, io.EOF
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	want := min(int64(n), f.size-off)
	blocks, done, err := f.read(ctx, off, want)
	if err != nil {
		if f.damaged && errors.Is(err, backup.ErrEnd) {
			err = fmt.Errorf("%w: the data that follow are damaged", err)
		}
		if f.snapshot != nil {
			f.r.noteChanged(f.snapshot, err)
		}
		return blocks, fmt.Errorf("read %q at %d: %w", f.name, off+done, f.r.why(ctx, err))
	}
	if want < int64(n) {
		return blocks, io.EOF
	}
	return blocks, nil
}

// read returns n bytes, part by part, or with an error those before it.
func (f *File) read(ctx context.Context, off, n int64) (blocks [][]byte, done int64, err error) {
	for done < n {
		length, at, data := find(f.extents, off+done)
		rest := n - done
		if length >= 0 {
			rest = min(rest, length)
		}
		if !data {
			blocks = append(blocks, make([]byte, rest))
			done += rest
			continue
		}
		var got int64
		blocks, got, err = f.source.read(ctx, blocks, at, rest)
		done += got
		if err != nil {
			return blocks, done, err
		}
	}
	return blocks, done, nil
}

// Close gives up the file. Nothing is flushed; there is nothing to lose.
func (f *File) Close() error {
	if f.closed.Swap(true) {
		return fmt.Errorf("close %q: %w", f.name, fs.ErrClosed)
	}
	f.r.detach(f.source)
	f.r.releaseLease(f.lease)
	return nil
}
