package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"io"

	"slotfs/indexer/archive/pax"
	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
)

// writer appends files to an archive, and makes checkpoints.
type writer struct {
	members members
	kept    *metadataCopies
	counts  *progress.Counts
	o       *Options

	pass    int      // over the source, counted from the first run's
	entered *entered // since the last checkpoint
	cutAt   int64    // text before that
}

// due reports whether enough is behind the last checkpoint.
func (w *writer) due() bool {
	return w.members.at()-w.cutAt >= max(w.o.Mark, w.members.at()/64) || w.entered.text.Len() >= mostEntered
}

// mark makes a checkpoint of all that was added so far.
func (w *writer) mark(ctx context.Context, in *Inside) error {
	if err := w.members.flush(ctx); err != nil || w.cutAt == w.members.base {
		return err
	}
	list, err := w.entered.bytes()
	if err != nil {
		return err
	}
	if w.entered, err = newEntered(); err != nil {
		return err
	}
	w.cutAt = w.members.base
	return w.members.cut(ctx, &pendingCheckpoint{list: list, pass: w.pass, content: w.cutAt, inside: in})
}

// begin appends the headers of a regular file, and tells which ranges of it follow.
func (w *writer) begin(e *manifest.Entry) []backup.Extent {
	ranges := []backup.Extent{{Length: e.Size}}
	var head []byte
	size := e.Size
	if e.Sparse != nil {
		ranges, head = e.Sparse, pax.SparseMap(e)
		size = int64(len(head))
		for _, x := range ranges {
			size += x.Length
		}
	}
	w.members.text = append(append(w.members.text, pax.Headers(e, size, e.Sparse != nil, nil)...), head...)
	e.Offset = w.members.at()
	return ranges
}

// content appends a range of a file. What is missing is zeros.
func (w *writer) content(ctx context.Context, c *copying, off, length int64) error {
	for length > 0 {
		room := int64(w.members.size - len(w.members.text))
		if room <= 0 {
			if err := w.pause(ctx, c); err != nil {
				return err
			}
			continue
		}
		n := min(room, length)
		old := len(w.members.text)
		w.members.text = append(w.members.text, make([]byte, n)...)
		if c.torn == nil {
			_, err := c.file.ReadAt(w.members.text[old:], off)
			if errors.Is(err, source.ErrStalled) {
				return err
			}
			if err != nil && err != io.EOF {
				c.torn = err
			}
		}
		c.sum.Write(w.members.text[old:])
		if c.keep {
			c.kept = append(c.kept, w.members.text[old:]...)
		}
		off, length = off+n, length-n
	}
	return ctx.Err()
}

// pause ends the member inside a file, with a checkpoint if one is due. What is sparse, or cannot be read, has none.
func (w *writer) pause(ctx context.Context, c *copying) error {
	if !w.due() || c.entry.Sparse != nil || c.torn != nil {
		return w.members.flush(ctx)
	}
	in, err := c.inside()
	if err != nil {
		return err
	}
	return w.mark(ctx, in)
}

// end enters what became of a file.
func (w *writer) end(c *copying) {
	e := c.entry
	w.members.text = append(w.members.text, make([]byte, -(w.members.at()-e.Offset)&(pax.BlockSize-1))...)
	seen := *e
	unchanged, err := c.file.Unchanged(&seen)
	if err == nil && !unchanged {
		w.counts.Changed.Add(1)
		e.Flags |= manifest.Changed
	}
	if c.torn != nil {
		w.counts.Frozen.Add(1)
		e.Flags |= manifest.Stale
		w.o.Log.Warn("read", "path", e.Path, "error", c.torn)
	}
	if e.Sparse == nil { // of a sparse one the holes were not read
		e.Hash = hex.EncodeToString(c.sum.Sum(nil))
	}
	if c.keep {
		w.kept.add(e, c.kept)
	}
	w.counts.Uploaded.Add(1)
}
