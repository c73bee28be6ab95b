package slot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/source"
)

// walk puts all of the source into the archive.
func (a *archiver) walk(ctx context.Context) error {
	if err := a.finish(ctx); err != nil {
		return err
	}
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
		e := &found.Entry
		if a.left[e.Link] {
			e.Link = "" // the first name is not there: this one stands for itself
		}
		there, err := a.reuse(e)
		if err != nil {
			return err
		}
		a.within(e, there)
		if there {
			continue
		}
		if err := a.add(ctx, e); err != nil {
			return err
		}
		if a.due() {
			if err := a.mark(ctx, nil); err != nil {
				return err
			}
		}
	}
	a.text = append(a.text, make([]byte, 2*blockSize)...)
	return a.flush(ctx)
}

// add appends an entry. Where it stands is noted for what has no content too: positions tell the order.
func (a *archiver) add(ctx context.Context, e *manifest.Entry) error {
	if e.IsRegular() && e.Link == "" {
		return a.file(ctx, e)
	}
	flagRacy(e, a.j.o.Now().UnixNano())
	a.text = append(a.text, paxHeaders(e, 0, false)...)
	e.Offset = a.at()
	return a.enter(ctx, e)
}

// enter lists what was added.
func (a *archiver) enter(ctx context.Context, e *manifest.Entry) error {
	if err := a.entered.list.Write(e); err != nil {
		return err
	}
	if err := a.record(e); err != nil {
		return err
	}
	return a.full(ctx)
}

// record lists what is in the backup.
func (a *archiver) record(e *manifest.Entry) error {
	if e.IsRegular() && e.Link == "" {
		a.j.sum.files.Add(1)
		addSize(&a.j.sum.bytes, e.Size)
		a.j.o.Progress.Sent(1, e.Size)
	}
	return a.list.Write(e)
}

// reuse lists what an earlier run has put into the archive, if it still is as it was. What is to be kept is read again.
func (a *archiver) reuse(e *manifest.Entry) (bool, error) {
	if a.resumed == nil {
		return false, nil
	}
	old, err := a.resumed.find(e)
	if old == nil || err != nil {
		return false, err
	}
	regular := e.IsRegular() && e.Link == ""
	if !sameEntry(e, old) || a.anew[e.Link] || regular && a.kept.wants(e) {
		a.anew[e.Path] = regular && e.Nlink > 1
		a.resumed.stale += old.Size
		if !a.resumed.tolerable() {
			return false, fmt.Errorf("%d of %d bytes: %w", a.resumed.stale, a.resumed.at.Content, errOutdated)
		}
		return false, nil
	}
	old.Flags |= e.Flags
	return true, a.record(old)
}

// around is a directory around the entry in hand.
type around struct {
	entry *manifest.Entry
	there bool // as an earlier run has put it in, and not since
}

// within keeps the directories around an entry. One that is about to get something new is put in again: unpacking it sets its times
// only when all below it is there.
func (a *archiver) within(e *manifest.Entry, there bool) {
	for len(a.around) > 0 && !manifest.Below(e.Path, a.around[len(a.around)-1].entry.Path) {
		a.around = a.around[:len(a.around)-1]
	}
	if n := len(a.around); n > 0 && !there && a.around[n-1].there {
		a.around[n-1].there = false
		a.text = append(a.text, paxHeaders(a.around[n-1].entry, 0, false)...)
	}
	if e.IsDir() {
		a.around = append(a.around, around{e, there})
	}
}

// finish adds the rest of the file in which an earlier run was broken. What of it is of another time is found by its entry.
func (a *archiver) finish(ctx context.Context) error {
	if a.resumed == nil || a.resumed.broken == nil {
		return nil
	}
	c := a.resumed.broken
	e := c.entry
	done := a.base - e.Offset
	if err := a.content(ctx, c, done, e.Size-done); err != nil {
		return err
	}
	a.end(c)
	if err := a.entered.list.Write(e); err != nil {
		return err
	}
	a.resumed.passes = append(a.resumed.passes, prefetch.New(one(e)))
	err := a.mark(ctx, nil)
	a.pass++ // it is not sorted in among what follows
	return err
}

func one(e *manifest.Entry) iter.Seq2[*manifest.Entry, error] {
	return func(yield func(*manifest.Entry, error) bool) { yield(e, nil) }
}

// file appends a regular file. One that cannot be opened is left out; what changes meanwhile keeps the length that its
// header says.
func (a *archiver) file(ctx context.Context, e *manifest.Entry) error {
	now := a.j.o.Now().UnixNano()
	f, err := a.j.src.OpenFile(e.Path, e)
	if errors.Is(err, source.ErrStalled) {
		return err
	}
	if err != nil {
		a.left[e.Path] = e.Nlink > 1
		if !gone(err) {
			a.j.sum.frozen.Add(1)
			a.j.o.Log.Warn("read", "path", e.Path, "error", err)
		}
		return nil
	}
	defer f.Close()
	flagRacy(e, now)
	switch {
	case e.Size >= a.j.o.tune.mark:
		err = a.mark(ctx, nil) // in case that the file is another one when this run is gone on with
	case e.Size >= int64(a.member/largePart):
		err = a.flush(ctx)
	}
	if err != nil {
		return err
	}
	c := &copying{file: f, entry: e, sum: sha256.New(), keep: a.kept.wants(e)}
	ranges := a.begin(e)
	for _, x := range ranges {
		if err := a.content(ctx, c, x.Offset, x.Length); err != nil {
			return err
		}
	}
	a.end(c)
	return a.enter(ctx, e)
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
		room := int64(a.member - len(a.text))
		if room <= 0 {
			if err := a.pause(ctx, c); err != nil {
				return err
			}
			continue
		}
		n := min(room, length)
		old := len(a.text)
		a.text = append(a.text, make([]byte, n)...)
		if c.torn == nil {
			_, err := c.file.ReadAt(a.text[old:], off)
			if errors.Is(err, source.ErrStalled) {
				return err
			}
			if err != nil && err != io.EOF {
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

// pause ends the member inside a file, with a checkpoint if one is due. What is sparse, or cannot be read, has none.
func (a *archiver) pause(ctx context.Context, c *copying) error {
	if !a.due() || c.entry.Sparse != nil || c.torn != nil {
		return a.flush(ctx)
	}
	in, err := c.inside()
	if err != nil {
		return err
	}
	return a.mark(ctx, in)
}

// end enters what became of a file.
func (a *archiver) end(c *copying) {
	e := c.entry
	a.text = append(a.text, make([]byte, -(a.at()-e.Offset)&(blockSize-1))...)
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
	a.j.sum.uploaded.Add(1)
}
