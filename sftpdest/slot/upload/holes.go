package upload

import (
	"context"
	"io"
	"sync/atomic"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/store"
)

const (
	// mostHoles is how many bytes of holes one run computes checksums of: they cost nothing to make, and a second for each
	// gigabyte here. Files beyond it have no checksum, and their data is sent each time.
	mostHoles = 128 << 30
	// fewHoles are counted for no file.
	fewHoles = 64 << 20
)

// holeBudget bounds what one run spends on holes.
type holeBudget struct{ used atomic.Int64 }

// take reports whether the holes of a file may be part of its checksum.
func (b *holeBudget) take(e *manifest.Entry) bool {
	holes := e.Size - plan.DataIn(e)
	if holes <= fewHoles {
		return true
	}
	if holes <= mostHoles && b.used.Add(holes) <= mostHoles {
		return true
	}
	if holes <= mostHoles {
		b.used.Add(-holes)
	}
	return false
}

// holes finds the holes of a file that is read from front to back.
type holes struct {
	file       *source.File
	start, end int64 // of the last region with data that was found
}

// until is where the hole at off ends, at most size; off if there is data.
func (h *holes) until(off, size int64) (int64, error) {
	if off >= h.end {
		var err error
		if h.start, h.end, err = h.file.Data(off, size); err != nil {
			return off, err
		}
	}
	return min(max(off, h.start), size), nil
}

// sumSource reads size bytes of a file for its checksums, without its holes. It returns how many there were.
func sumSource(ctx context.Context, f *source.File, size int64) (*backup.Summer, int64, error) {
	sum, h := backup.NewSummer(size), holes{file: f}
	buf := make([]byte, store.ChunkSize)
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		end, err := h.until(at, size)
		if err != nil {
			return nil, 0, err
		}
		if err := store.WriteZeros(ctx, sum, end-at); err != nil {
			return nil, 0, err
		}
		at = end
		if at == size {
			break
		}
		n, err := f.ReadAt(buf[:min(store.ChunkSize, h.end-at, size-at)], at)
		if err != nil && err != io.EOF {
			return nil, 0, err
		}
		if n == 0 {
			return sum, at, nil // it shrank
		}
		_, _ = sum.Write(buf[:n])
		at += int64(n)
	}
	return sum, size, nil
}
