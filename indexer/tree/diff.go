package tree

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"slotfs/indexer/backup"
)

// Change is a path at which two trees differ.
type Change struct {
	Path     string
	Old, New *Item // nil where the path is not there
}

// Diff compares the directory from in a with the directory to in b, reading only directories that differ. Paths count from these; ""
// is they themselves. Entries differ if they have not the same type, mode, owner, size,
// modification time, checksum, link target, device, sparse extents or attributes; where they stand in an
// archive and which hard links they have does not matter. What is below a directory that came or
// went is yielded too. In each directory, what is in b comes first, in listing order, then what
// only a has. After an error it stops.
func Diff(ctx context.Context, a *Tree, from Item, b *Tree, to Item) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		d := differ{a: a, b: b, yield: yield}
		if err := d.compare(ctx, "", &from, &to); err != nil && !d.stopped {
			yield(Change{}, fmt.Errorf("compare trees: %w", err))
		}
	}
}

type differ struct {
	a, b    *Tree
	yield   func(Change, error) bool
	stopped bool
}

// compare yields what differs between two entries and below them. Either may be nil.
func (d *differ) compare(ctx context.Context, path string, old, new *Item) error {
	if d.stopped {
		return nil
	}
	if old == nil || new == nil || !alike(&old.Entry, &new.Entry) {
		d.stopped = !d.yield(Change{Path: path, Old: old, New: new}, nil)
		if d.stopped {
			return nil
		}
	}
	oldDir, newDir := old != nil && old.IsDir(), new != nil && new.IsDir()
	if oldDir && newDir && old.Child == new.Child {
		return nil
	}
	var before, after []Item
	var err error
	if oldDir {
		if before, err = d.a.unlike(ctx, old, d.b, new); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
	}
	if newDir {
		if after, err = d.b.unlike(ctx, new, d.a, old); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
	}
	return d.match(ctx, path, before, after)
}

// match compares the entries of two directories by name.
func (d *differ) match(ctx context.Context, path string, before, after []Item) error {
	byName := make(map[string]*Item, len(before))
	for i := range before {
		byName[before[i].Name] = &before[i]
	}
	for i := range after {
		it := &after[i]
		old := byName[it.Name]
		delete(byName, it.Name)
		if err := d.compare(ctx, join(path, it.Name), old, it); err != nil {
			return err
		}
	}
	for i := range before {
		it := &before[i]
		if byName[it.Name] == nil {
			continue
		}
		if err := d.compare(ctx, join(path, it.Name), it, nil); err != nil {
			return err
		}
	}
	return nil
}

// unlike lists the entries of dir, leaving out pages that the directory in the other tree has too.
func (t *Tree) unlike(ctx context.Context, dir *Item, other *Tree, in *Item) ([]Item, error) {
	own, err := t.open(ctx, dir)
	if err != nil {
		return nil, err
	}
	shared := map[backup.Hash]bool{}
	if in != nil && in.IsDir() {
		theirs, err := other.open(ctx, in)
		if err != nil {
			return nil, err
		}
		for n := range theirs.pageCount() {
			shared[theirs.pageHash(n)] = true
		}
	}
	var all []Item
	for n := range own.pageCount() {
		if shared[own.pageHash(n)] {
			continue
		}
		p, err := t.readPage(ctx, &own, n)
		if err != nil {
			return nil, err
		}
		if _, err := p.list(0, func(it Item, _ error) bool {
			all = append(all, it)
			return true
		}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// alike reports whether two entries say the same about what they are, wherever they stand.
func alike(a, b *backup.Entry) bool {
	return a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID && a.Size == b.Size && a.MTime == b.MTime &&
		sameContent(a, b) && a.Target == b.Target && a.Rdev == b.Rdev && slices.Equal(a.Xattrs, b.Xattrs) && slices.Equal(a.Sparse, b.Sparse)
}

// sameContent reports whether nothing is known of the content of two files that says that they differ.
func sameContent(a, b *backup.Entry) bool {
	return a.Checksums == "" || b.Checksums == "" || a.Checksums.SHA256() == b.Checksums.SHA256()
}
