package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// ErrTooLong says that a file is longer than it can be.
var ErrTooLong = errors.New("file is too long")

// Load reads a small file, of at most so many bytes.
func Load(ctx context.Context, d dest.Reader, p string, most int64) ([]byte, error) {
	f, err := d.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, most+1)
	n, err := f.ReadAt(ctx, buf, 0)
	if int64(n) > most {
		return nil, fmt.Errorf("read %s: %w", p, ErrTooLong)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	return buf[:n], nil
}

// HashAhead is how many chunks of 1 MiB of a file are on their way at once while it is read back.
const HashAhead = 4

// Hash reads size bytes of a file on the server for their SHA-256.
func Hash(ctx context.Context, d dest.Reader, p string, size int64) (string, error) {
	f, err := d.Open(ctx, p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	stream := dest.NewStream(ctx, f, 0, size, HashAhead)
	defer stream.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, stream); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// HashEntry is Hash for the content of an entry, of which the holes are not fetched.
func HashEntry(ctx context.Context, d dest.Reader, p string, e *manifest.Entry) (string, error) {
	if e.Sparse == nil {
		return Hash(ctx, d, p, e.Size)
	}
	f, err := d.Open(ctx, p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, at := sha256.New(), int64(0)
	for _, x := range append(e.Sparse[:len(e.Sparse):len(e.Sparse)], backup.Extent{Offset: e.Size}) {
		if err := WriteZeros(ctx, sum, x.Offset-at); err != nil {
			return "", err
		}
		stream := dest.NewStream(ctx, f, x.Offset, x.Length, HashAhead)
		_, err := io.Copy(sum, stream)
		stream.Close()
		if err != nil {
			return "", err
		}
		at = x.Offset + x.Length
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

var zeros = make([]byte, 256<<10)

// WriteZeros writes n zeros.
func WriteZeros(ctx context.Context, w io.Writer, n int64) error {
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
