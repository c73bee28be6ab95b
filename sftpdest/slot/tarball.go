package slot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

// walk puts all of the source into the archive.
func (a *archiver) walk(ctx context.Context) error {
	for found, err := range a.j.src.Walk(ctx) {
		if err != nil {
			return err
		}
		if found.Frozen {
			a.j.sum.frozen.Add(1)
			a.j.o.Log.Warn("read", "path", found.Path, "error", found.Warning)
			found.Flags |= manifest.Stale
			if !found.IsDir() {
				a.left[found.Path] = true
				continue
			}
		}
		if err := a.add(ctx, &found.Entry); err != nil {
			return err
		}
	}
	a.text = append(a.text, make([]byte, 2*blockSize)...)
	return a.flush(ctx)
}

// add appends an entry. Where it stands is noted for what has no content too: positions tell the order.
func (a *archiver) add(ctx context.Context, e *manifest.Entry) error {
	if a.left[e.Link] {
		e.Link = "" // the first name is not there: this one stands for itself
	}
	if e.IsRegular() && e.Link == "" {
		return a.file(ctx, e)
	}
	a.text = append(a.text, paxHeaders(e, 0, false)...)
	e.Offset = a.at()
	if err := a.list.Write(e); err != nil {
		return err
	}
	return a.full(ctx)
}

// file appends a regular file. One that cannot be opened is left out; what changes meanwhile keeps the length that its
// header says.
func (a *archiver) file(ctx context.Context, e *manifest.Entry) error {
	f, err := a.j.src.OpenFile(e.Path, e)
	if err != nil {
		a.left[e.Path] = e.Nlink > 1
		if !gone(err) {
			a.j.sum.frozen.Add(1)
			a.j.o.Log.Warn("read", "path", e.Path, "error", err)
		}
		return nil
	}
	defer f.Close()
	if e.Size >= memberLarge {
		if err := a.flush(ctx); err != nil {
			return err
		}
	}
	c := &copying{file: f, entry: e, sum: sha256.New(), keep: a.kept.wants(e)}
	ranges := a.begin(e)
	for _, x := range ranges {
		if err := a.content(ctx, c, x.Offset, x.Length); err != nil {
			return err
		}
	}
	a.text = append(a.text, make([]byte, -(a.at()-e.Offset)&(blockSize-1))...)
	a.end(c)
	if err := a.list.Write(e); err != nil {
		return err
	}
	return a.full(ctx)
}

// begin appends the headers of a regular file, and tells which ranges of it follow.
func (a *archiver) begin(e *manifest.Entry) []backup.Extent {
	ranges := []backup.Extent{{Length: e.Size}}
	var head []byte
	size := e.Size
	if e.Sparse != nil {
		ranges, head = e.Sparse, sparseMap(e)
		size = int64(len(head))
		for _, x := range ranges {
			size += x.Length
		}
	}
	a.text = append(append(a.text, paxHeaders(e, size, e.Sparse != nil)...), head...)
	e.Offset = a.at()
	return ranges
}

// copying is a file on its way into the archive.
type copying struct {
	file  *source.File
	entry *manifest.Entry
	sum   hash.Hash
	keep  bool
	kept  []byte
	torn  error // it could not be read to its end
}

// content appends a range of a file. What is missing is zeros.
func (a *archiver) content(ctx context.Context, c *copying, off, length int64) error {
	for length > 0 {
		room := int64(memberText - len(a.text))
		if room <= 0 {
			if err := a.flush(ctx); err != nil {
				return err
			}
			continue
		}
		n := min(room, length)
		old := len(a.text)
		a.text = append(a.text, make([]byte, n)...)
		if c.torn == nil {
			if _, err := c.file.ReadAt(a.text[old:], off); err != nil && err != io.EOF {
				c.torn = err
			}
		}
		c.sum.Write(a.text[old:])
		if c.keep {
			c.kept = append(c.kept, a.text[old:]...)
		}
		off, length = off+n, length-n
	}
	return ctx.Err()
}

// end enters what became of a file.
func (a *archiver) end(c *copying) {
	e := c.entry
	seen := *e
	unchanged, err := c.file.Unchanged(&seen)
	if err == nil && !unchanged {
		a.j.sum.changed.Add(1)
		e.Flags |= manifest.Changed
	}
	if c.torn != nil {
		a.j.sum.frozen.Add(1)
		e.Flags |= manifest.Stale
		a.j.o.Log.Warn("read", "path", e.Path, "error", c.torn)
	}
	if e.Sparse == nil { // of a sparse one the holes were not read
		e.Hash = hex.EncodeToString(c.sum.Sum(nil))
	}
	if c.keep {
		a.kept.add(e, c.kept)
	}
	a.j.sum.files.Add(1)
	a.j.sum.bytes.Add(e.Size)
	a.j.sum.uploaded.Add(1)
	a.j.o.Progress.Sent(1, e.Size)
}
