package slot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"sync/atomic"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

const (
	// mostHoles is how many bytes of holes one run computes checksums of: they cost nothing to make, and a second for each
	// gigabyte here. Files beyond it have no checksum, and their data is sent each time.
	mostHoles = 128 << 30
	// fewHoles are counted for no file.
	fewHoles = 64 << 20
	// mostRanges is how many regions of a file are copied on the server one by one. One that has more is sent.
	mostRanges = 4096
)

// holeBudget bounds what one run spends on holes.
type holeBudget struct{ used atomic.Int64 }

// take reports whether the holes of a file may be part of its checksum.
func (b *holeBudget) take(e *manifest.Entry) bool {
	holes := e.Size - dataIn(e)
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

// dataIn is how many bytes of a file are in no hole.
func dataIn(e *manifest.Entry) int64 {
	if e.Sparse == nil {
		return e.Size
	}
	n := int64(0)
	for _, x := range e.Sparse {
		n += x.Length
	}
	return min(n, e.Size)
}

// addCapped adds sizes, which may be anything where files are sparse.
func addCapped(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// addSize is addCapped for a number that several goroutines add to.
func addSize(n *atomic.Int64, size int64) {
	for {
		old := n.Load()
		if n.CompareAndSwap(old, addCapped(old, size)) {
			return
		}
	}
}

var zeros = make([]byte, 256<<10)

// writeZeros writes n zeros.
func writeZeros(ctx context.Context, w io.Writer, n int64) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := zeros[:min(n, int64(len(zeros)))]
		if _, err := w.Write(part); err != nil {
			return err
		}
		n -= int64(len(part))
	}
	return nil
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
	buf := make([]byte, chunkSize)
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		end, err := h.until(at, size)
		if err != nil {
			return nil, 0, err
		}
		if err := writeZeros(ctx, sum, end-at); err != nil {
			return nil, 0, err
		}
		if at = end; at == size {
			break
		}
		n, err := f.ReadAt(buf[:min(chunkSize, h.end-at, size-at)], at)
		if err != nil && err != io.EOF {
			return nil, 0, err
		}
		if n == 0 {
			return sum, at, nil // it shrank
		}
		sum.Write(buf[:n])
		at += int64(n)
	}
	return sum, size, nil
}

// remoteHashOf is remoteHash for the content of an entry, of which the holes are not fetched.
func (r *remote) remoteHashOf(ctx context.Context, p string, e *manifest.Entry) (string, error) {
	if e.Sparse == nil {
		return r.remoteHash(ctx, p, e.Size)
	}
	f, err := r.Open(ctx, p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, at := sha256.New(), int64(0)
	for _, x := range append(e.Sparse[:len(e.Sparse):len(e.Sparse)], backup.Extent{Offset: e.Size}) {
		if err := writeZeros(ctx, sum, x.Offset-at); err != nil {
			return "", err
		}
		stream := dest.NewStream(ctx, f, x.Offset, x.Length, readBackAhead)
		_, err := io.Copy(sum, stream)
		stream.Close()
		if err != nil {
			return "", err
		}
		at = x.Offset + x.Length
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// errManyRanges says that a file is sent rather than copied in so many requests.
var errManyRanges = errors.New("more regions than are copied one by one")

// copyRanges copies the data of a sparse file on the server.
func (j *job) copyRanges(ctx context.Context, from, to string, e *manifest.Entry, a dest.Attributes) (bool, error) {
	c, ok := j.Store.(dest.RangeCopier)
	switch {
	case !ok:
		return false, errManyRanges
	case len(e.Sparse) > mostRanges:
		return false, errManyRanges
	}
	ranges := make([]dest.Range, len(e.Sparse))
	for i, x := range e.Sparse {
		ranges[i] = dest.Range(x)
	}
	return c.CopyRanges(ctx, from, to, e.Size, ranges, a, true)
}
