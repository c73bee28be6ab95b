package plan

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/spool"
)

// kept is the source as it was walked, so that it is walked once.
type kept struct {
	found []*source.Found
	file  *os.File // nil: all are in found
	list  *manifest.Writer
}

// add keeps an entry.
func (k *kept) add(f *source.Found) error {
	if k.file == nil && len(k.found) < inMemory {
		k.found = append(k.found, f)
		return nil
	}
	if k.file == nil {
		if err := k.spill(); err != nil {
			return err
		}
	}
	return k.write(f)
}

// spill moves what is in memory into a file.
func (k *kept) spill() (err error) {
	if k.file, err = spool.New(); err != nil {
		return err
	}
	if k.list, err = manifest.NewJournalWriter(k.file); err != nil {
		return err
	}
	for _, f := range k.found {
		if err := k.write(f); err != nil {
			return err
		}
	}
	k.found = nil
	return nil
}

// write lists an entry as a journal does. That it is frozen is said by the flag Stale, which no source sets; of what is frozen and
// no directory nothing is known but its path.
func (k *kept) write(f *source.Found) error {
	e := f.Entry
	if f.Frozen {
		e.Flags |= manifest.Stale
		if !e.IsDir() {
			e = manifest.Entry{Path: e.Path, Flags: e.Flags | manifest.Removed}
			e.Name = f.Name
		}
	}
	return k.list.Write(&e)
}

// end is called when the source is known to its end.
func (k *kept) end() (err error) {
	if k.list != nil {
		_, err = k.list.Close()
	}
	return err
}

// all yields what was kept, once.
func (k *kept) all(ctx context.Context) iter.Seq2[*source.Found, error] {
	return func(yield func(*source.Found, error) bool) {
		for i, f := range k.found {
			k.found[i] = nil
			if !yield(f, ctx.Err()) {
				return
			}
		}
		if k.file == nil {
			return
		}
		for f, err := range k.spilled() {
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// spilled reads the file.
func (k *kept) spilled() iter.Seq2[*source.Found, error] {
	return func(yield func(*source.Found, error) bool) {
		reader, err := manifest.NewReader(spool.Reader(k.file))
		if err != nil {
			yield(nil, err)
			return
		}
		defer reader.Close()
		for e, err := range spool.All(reader) {
			if err != nil {
				yield(nil, err)
				return
			}
			f := &source.Found{Entry: *e, Frozen: e.Flags&manifest.Stale != 0}
			f.Flags &^= manifest.Stale | manifest.Removed
			if e.Flags&manifest.Removed != 0 {
				f.Mode &^= backup.ModeType
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

func (k *kept) close() {
	if k.file != nil {
		k.file.Close()
	}
}
