package tree

import (
	"context"
	"fmt"
	"strings"

	"slotfs/indexer/backup"
)

// Writer stores one directory of a tree snapshot, entry by entry, with few of them in memory. It is not safe for concurrent use.
type Writer struct {
	pager pager
	batch []record
	last  string
	begun bool
}

// NewWriter begins a directory.
func NewWriter(store Putter) *Writer { return &Writer{pager: pager{store: store}} }

// Add adds an entry that is complete (Child, Count, Attributed and Nlink of a child directory filled in, Offset 0). Entries
// come in ascending order of their names.
func (w *Writer) Add(ctx context.Context, e *backup.Entry) error {
	r, err := newRecord(e)
	switch {
	case err != nil:
	case checkName(e.Name) != nil:
		err = errName
	case w.begun && strings.Compare(w.last, e.Name) >= 0:
		err = fmt.Errorf("behind %q", w.last)
	case r.offset != 0:
		err = fmt.Errorf("offset %d", r.offset)
	}
	if err != nil {
		return fmt.Errorf("write node: entry %q: %w", e.Name, err)
	}
	w.begun, w.last = true, e.Name
	w.batch = append(w.batch, r)
	if len(w.batch) < maxPage {
		return nil
	}
	return w.flush(ctx)
}

func (w *Writer) flush(ctx context.Context) error {
	err := w.pager.add(ctx, w.batch)
	w.batch = w.batch[:0]
	return err
}

// Close writes what is left, and tells what the directory's entry in its parent needs to know.
func (w *Writer) Close(ctx context.Context) (Dir, error) {
	if len(w.pager.pages)+len(w.pager.pending) == 0 {
		done, err := writeDir(ctx, w.pager.store, w.batch, 0)
		return done.Dir, err
	}
	if err := w.flush(ctx); err != nil {
		return Dir{}, err
	}
	done, err := w.pager.directory(ctx)
	return done.Dir, err
}
