package tree

import (
	"context"
	"fmt"

	"slotfs/indexer/backup"
)

// folder is a directory that a Builder has open.
type folder struct {
	parent *folder // nil: the root
	name   string
	start  int64 // absolute position of the directory; offsets in recs are absolute too
	recs   []record
	dead   int // of recs, those that were replaced and have no name
	names  nameTable
	weight int64 // bytes in memory
	dirty  bool

	older, newer *folder // neighbours in the Builder's list
	pinned       bool
}

// folderBytes is what an open folder takes besides its entries.
const folderBytes = 256

// ifSmall returns f unless the folders on its path, which weigh that much together, are too large to
// be open together.
func (b *Builder) ifSmall(f *folder, weight int64) *folder {
	if weight > b.pathLimit {
		return nil
	}
	return f
}

// pathWeight is the weight of f and of all folders above it.
func (f *folder) pathWeight() (sum int64) {
	for ; f != nil; f = f.parent {
		sum += f.weight
	}
	return sum
}

// compact takes out the entries that were replaced.
func (f *folder) compact() {
	if f.dead == 0 {
		return
	}
	kept := f.recs[:0]
	for i := range f.recs {
		if f.recs[i].name != "" {
			kept = append(kept, f.recs[i])
		}
	}
	clear(f.recs[len(kept):])
	f.recs, f.dead = kept, 0
	f.names.rebuild(f.recs)
}

// read reads the directory r, whose own offset is absolute.
func (b *Builder) read(ctx context.Context, r *record, parent *folder) (*folder, error) {
	f := &folder{parent: parent, name: r.name, start: r.offset, names: nameTable{seed: b.seed}}
	recs, err := readRecords(ctx, b.store, r)
	if err != nil {
		return nil, err
	}
	f.recs = recs
	f.weight = folderBytes
	for i := range recs {
		f.weight += recs[i].weight()
	}
	f.names.rebuild(f.recs)
	b.reread += f.weight
	return f, nil
}

// readRecords reads all entries of the directory r, with absolute offsets.
func readRecords(ctx context.Context, store Getter, r *record) ([]record, error) {
	var dir Item
	r.entry(&dir.Entry)
	t := New(store, dir.Entry, NewCache(0))
	d, err := t.open(ctx, &dir)
	if err != nil || d.len() == 0 {
		return nil, err
	}
	recs := make([]record, 0, d.len()+d.len()/8)
	for n := range d.pageCount() {
		p, err := t.readPage(ctx, &d, n)
		if err != nil {
			return nil, err
		}
		for i := range p.recs {
			recs = append(recs, p.recs[i])
			recs[len(recs)-1].offset += p.base
		}
	}
	return recs, nil
}

// open opens directory i of f. It returns nil if too much was read again already.
func (b *Builder) open(ctx context.Context, f *folder, i int) (*folder, error) {
	r := &f.recs[i]
	if r.more.open != nil {
		return r.more.open, nil
	}
	if !r.more.child.IsZero() && b.reread > b.rereadLimit+rereadShare*b.added {
		return nil, nil
	}
	child, err := b.read(ctx, r, f)
	if err != nil {
		return nil, fmt.Errorf("open directory %q: %w", r.name, err)
	}
	r.more.open = child
	b.push(child)
	return child, nil
}

// push puts f in front of the list.
func (b *Builder) push(f *folder) {
	b.used += f.weight
	b.link(f)
}

func (b *Builder) link(f *folder) {
	f.older, f.newer = b.front, nil
	if b.front != nil {
		b.front.newer = f
	} else {
		b.back = f
	}
	b.front = f
}

func (b *Builder) unlink(f *folder) {
	if f.newer != nil {
		f.newer.older = f.older
	} else {
		b.front = f.older
	}
	if f.older != nil {
		f.older.newer = f.newer
	} else {
		b.back = f.newer
	}
	f.older, f.newer = nil, nil
}

// touch moves f and then everything above it to the front, so that no folder is older than what is
// below it.
func (b *Builder) touch(f *folder) {
	for ; f != nil; f = f.parent {
		if b.front != f {
			b.unlink(f)
			b.link(f)
		}
	}
}

// forget takes f, which is closed or gone, off the list.
func (b *Builder) forget(f *folder) {
	b.used -= f.weight
	b.unlink(f)
	if b.last == f {
		b.last, b.lastPath = nil, ""
	}
}

// drop forgets f and all open folders below it without writing them.
func (b *Builder) drop(f *folder) {
	for i := range f.recs {
		if r := &f.recs[i]; r.isDir() && r.more.open != nil {
			b.drop(r.more.open)
		}
	}
	b.forget(f)
}

// shrink closes the folders that were used longest ago until the others fit the limit. The folders
// of the member just added stay open.
func (b *Builder) shrink(ctx context.Context) error {
	if b.used <= b.limit {
		return nil
	}
	if b.reread-b.raised > 4*b.added+openLimit && b.limit < crowdedLimit {
		b.limit, b.raised = 2*b.limit, b.reread
		return nil
	}
	for f := b.last; f != nil; f = f.parent {
		f.pinned = true
	}
	defer func() {
		for f := b.last; f != nil; f = f.parent {
			f.pinned = false
		}
	}()
	for f := b.back; f != nil && b.used > b.limit/4*3; {
		newer := f.newer
		if !f.pinned && f.parent != nil {
			if err := b.save(ctx, f); err != nil {
				return err
			}
			f.parent.child(f).more.open = nil
			b.forget(f)
		}
		f = newer
	}
	return nil
}

// child is the entry of the folder c in its parent f.
func (f *folder) child(c *folder) *record { return &f.recs[f.names.find(f.recs, c.name)] }

// save writes f if it changed, and tells its parent. The folders below it are saved already.
func (b *Builder) save(ctx context.Context, f *folder) error {
	if !f.dirty {
		return nil
	}
	f.compact()
	w, err := writeDir(ctx, b.store, f.recs, f.start)
	if err != nil {
		return fmt.Errorf("directory %q: %w", f.name, err)
	}
	r := &b.root
	if f.parent != nil {
		r = f.parent.child(f)
	}
	m := r.more
	if f.parent != nil && (m.child != w.Child || m.count != w.Count || m.unsettled != w.unsettled || m.attributed != w.Attributed ||
		r.nlink != 2+w.Dirs) {
		f.parent.dirty = true
	}
	m.child, m.count, m.unsettled, m.attributed, r.nlink = w.Child, w.Count, w.unsettled, w.Attributed, 2+w.Dirs
	f.dirty = false
	return nil
}

// Flush writes everything that is open and returns the root as it stands. Adding may go on, in this
// Builder or in a new one that starts from that root.
func (b *Builder) Flush(ctx context.Context) (backup.Entry, error) {
	if !b.begun {
		b.root = implied("", &backup.Entry{}, 0)
		b.begun = true
	}
	for f := b.back; f != nil; f = f.newer {
		if err := b.save(ctx, f); err != nil {
			return backup.Entry{}, fmt.Errorf("flush tree: %w", err)
		}
	}
	var e backup.Entry
	b.root.entry(&e)
	return e, nil
}
