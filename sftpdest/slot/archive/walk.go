package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"

	"slotfs/indexer/archive/pax"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/source"
)

// largePart is how small a part of a member a file may be that still starts one of its own.
const largePart = 8

// walker puts a source into an archive, and lists what goes into it.
type walker struct {
	writer
	src     *source.Tree
	resumed *resumedArchive  // what a broken run has of it; nil: nothing
	list    *manifest.Writer // of entries
	left    map[string]bool
	anew    map[string]bool // files with further names that are not as an earlier run has them
	around  []around        // the directories around the entry in hand
}

// newWalker begins an archive whose entries go into list.
func newWalker(a *Archive, list *os.File) (w *walker, err error) {
	w = &walker{src: a.src, left: make(map[string]bool), anew: make(map[string]bool)}
	w.counts, w.o, w.kept = a.counts, &a.o, newMetadataCopies(a.o.Keep)
	w.members = members{size: a.o.Member, ready: make(chan chan packed, membersAhead)}
	if w.list, err = manifest.NewWriter(list); err == nil {
		w.entered, err = newEntered()
	}
	return w, err
}

// resume goes on behind what an earlier run has put in.
func (w *walker) resume(e *resumedArchive) {
	w.resumed, w.members.base, w.cutAt = e, e.at.Content, e.at.Content
	for _, s := range e.point.Segments {
		w.pass = max(w.pass, s.Pass+1)
	}
}

// walk puts all of the source into the archive.
func (w *walker) walk(ctx context.Context) error {
	if err := w.finish(ctx); err != nil {
		return err
	}
	for found, err := range w.src.Walk(ctx) {
		if err != nil {
			return err
		}
		if found.Frozen {
			w.counts.Frozen.Add(1)
			w.o.Log.Warn("read", "path", found.Path, "error", found.Warning)
			found.Flags |= manifest.Stale
			if !found.IsDir() {
				w.left[found.Path] = true
				continue
			}
		}
		e := &found.Entry
		if w.left[e.Link] {
			e.Link = "" // the first name is not there: this one stands for itself
		}
		there, err := w.reuse(e)
		if err != nil {
			return err
		}
		w.within(e, there)
		if there {
			continue
		}
		if err := w.add(ctx, e); err != nil {
			return err
		}
		if w.due() {
			if err := w.mark(ctx, nil); err != nil {
				return err
			}
		}
	}
	w.members.text = append(w.members.text, pax.End()...)
	return w.members.flush(ctx)
}

// add appends an entry. Where it stands is noted for what has no content too: positions tell the order.
func (w *walker) add(ctx context.Context, e *manifest.Entry) error {
	if e.IsRegular() && e.Link == "" {
		return w.file(ctx, e)
	}
	source.FlagRacy(e, w.o.Now().UnixNano())
	w.members.text = append(w.members.text, pax.Headers(e, 0, false, nil)...)
	e.Offset = w.members.at()
	return w.enter(ctx, e)
}

// enter lists what was added.
func (w *walker) enter(ctx context.Context, e *manifest.Entry) error {
	if err := w.entered.list.Write(e); err != nil {
		return err
	}
	if err := w.record(e); err != nil {
		return err
	}
	return w.members.full(ctx)
}

// record lists what is in the backup.
func (w *walker) record(e *manifest.Entry) error {
	if e.IsRegular() && e.Link == "" {
		w.counts.Files.Add(1)
		w.counts.Bytes.Add(e.Size)
		w.counts.Sent(1, e.Size)
	}
	return w.list.Write(e)
}

// reuse lists what an earlier run has put into the archive, if it still is as it was. What is to be kept is read again.
func (w *walker) reuse(e *manifest.Entry) (bool, error) {
	if w.resumed == nil {
		return false, nil
	}
	old, err := w.resumed.find(e)
	if old == nil || err != nil {
		return false, err
	}
	regular := e.IsRegular() && e.Link == ""
	if !sameEntry(e, old) || w.anew[e.Link] || regular && w.kept.wants(e) {
		w.anew[e.Path] = regular && e.Nlink > 1
		w.resumed.stale += old.Size
		if !w.resumed.tolerable() {
			return false, fmt.Errorf("%d of %d bytes: %w", w.resumed.stale, w.resumed.at.Content, errOutdated)
		}
		return false, nil
	}
	old.Flags |= e.Flags
	return true, w.record(old)
}

// around is a directory around the entry in hand.
type around struct {
	entry *manifest.Entry
	there bool // as an earlier run has put it in, and not since
}

// within keeps the directories around an entry. One that is about to get something new is put in again: unpacking it sets its times
// only when all below it is there.
func (w *walker) within(e *manifest.Entry, there bool) {
	for len(w.around) > 0 && !manifest.Below(e.Path, w.around[len(w.around)-1].entry.Path) {
		w.around = w.around[:len(w.around)-1]
	}
	if n := len(w.around); n > 0 && !there && w.around[n-1].there {
		w.around[n-1].there = false
		w.members.text = append(w.members.text, pax.Headers(w.around[n-1].entry, 0, false, nil)...)
	}
	if e.IsDir() {
		w.around = append(w.around, around{e, there})
	}
}

// finish adds the rest of the file in which an earlier run was broken. What of it is of another time is found by its entry.
func (w *walker) finish(ctx context.Context) error {
	if w.resumed == nil || w.resumed.broken == nil {
		return nil
	}
	c := w.resumed.broken
	e := c.entry
	done := w.members.base - e.Offset
	if err := w.content(ctx, c, done, e.Size-done); err != nil {
		return err
	}
	w.end(c)
	if err := w.entered.list.Write(e); err != nil {
		return err
	}
	w.resumed.passes = append(w.resumed.passes, prefetch.New(one(e)))
	err := w.mark(ctx, nil)
	w.pass++ // it is not sorted in among what follows
	return err
}

func one(e *manifest.Entry) iter.Seq2[*manifest.Entry, error] {
	return func(yield func(*manifest.Entry, error) bool) { yield(e, nil) }
}

// file appends a regular file. One that cannot be opened is left out; what changes meanwhile keeps the length that its
// header says.
func (w *walker) file(ctx context.Context, e *manifest.Entry) error {
	now := w.o.Now().UnixNano()
	f, err := w.src.OpenFile(e.Path, e)
	if errors.Is(err, source.ErrStalled) {
		return err
	}
	if err != nil {
		w.left[e.Path] = e.Nlink > 1
		if !errors.Is(err, fs.ErrNotExist) {
			w.counts.Frozen.Add(1)
			w.o.Log.Warn("read", "path", e.Path, "error", err)
		}
		return nil
	}
	defer f.Close()
	source.FlagRacy(e, now)
	switch {
	case e.Size >= w.o.Mark:
		err = w.mark(ctx, nil) // in case that the file is another one when this run is gone on with
	case e.Size >= int64(w.members.size/largePart):
		err = w.members.flush(ctx)
	}
	if err != nil {
		return err
	}
	c := &copying{file: f, entry: e, sum: sha256.New(), keep: w.kept.wants(e)}
	ranges := w.begin(e)
	for _, x := range ranges {
		if err := w.content(ctx, c, x.Offset, x.Length); err != nil {
			return err
		}
	}
	w.end(c)
	return w.enter(ctx, e)
}
