package tree

import (
	"context"
	"fmt"

	"slotfs/indexer/backup"
)

// directory is a directory that a Builder has open.
type openDir struct {
	parent *openDir // nil: the root
	name   string
	start  int64   // absolute position of the directory; offsets in recs are absolute too
	sealed *sealed // entries before recs; nil: there are none
	recs   []record
	dead   int // of recs, those that were replaced and have no name
	names  nameTable
	weight int64 // bytes in memory
	dirty  bool
	again  bool // it was closed before
	opened int  // directories in it that are open

	older, newer *openDir // neighbours in the Builder's list
	pinned       bool
}

// openDirBytes is what an open directory takes besides its entries.
const openDirBytes = 256

// compact takes out the entries that were replaced.
func (f *openDir) compact() {
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

// read reads the directory r, whose own offset is absolute. Of one that has many pages only their names are kept.
func (b *Builder) read(ctx context.Context, r *record, parent *openDir) (*openDir, error) {
	f := &openDir{parent: parent, name: r.name, start: r.offset, names: nameTable{seed: b.seed}, weight: openDirBytes}
	f.again = !r.more.child.IsZero()
	if f.again {
		b.reopened++
	}
	d, t, err := openRecord(ctx, b.store, NewCache(0), r)
	if err != nil || d.len() == 0 {
		return f, err
	}
	seal := d.len() >= 2*b.sealFrom
	if seal {
		f.sealed = &sealed{names: newPageTable()}
	}
	for n := range d.pageCount() {
		p, err := t.readPage(ctx, &d, n)
		if err != nil {
			return nil, err
		}
		for i := range p.recs {
			p.recs[i].offset += p.base
		}
		b.reread += weightOf(p.recs)
		if !seal {
			f.recs = append(f.recs, p.recs...)
		} else if err := f.addPage(&d, n, p.recs); err != nil {
			return nil, err
		}
	}
	f.names.rebuild(f.recs)
	b.used += f.weight // until it is pushed
	b.measure(f)
	b.used -= f.weight
	return f, nil
}

// addPage notes page n of the directory that f is read from, and what is in it.
func (f *openDir) addPage(d *directory, n int, recs []record) error {
	t, err := countDirs(recs)
	if err != nil {
		return err
	}
	page := sealedPage{unsettled: t.unsettled, attributed: t.Attributed, recut: n+1 == d.pageCount()}
	page.pageRef = pageRef{hash: d.pageHash(n), n: len(recs), count: t.Count, dirCount: t.Dirs}
	if d.index != nil {
		page.base = d.index.pages[n].base
	}
	f.notice(recs)
	s := f.sealed
	var last uint64
	for i := range recs {
		last = nameHash(recs[i].name)
		s.names.add(pageEntry(last, len(s.pages)))
	}
	page.tight = tight(last, len(recs))
	s.pages = append(s.pages, page)
	s.n += len(recs)
	return nil
}

// openRecord opens the directory r, whose own offset is absolute.
func openRecord(ctx context.Context, store Getter, cache *Cache, r *record) (directory, *Tree, error) {
	var dir Item
	r.entry(&dir.Entry)
	t := New(store, dir.Entry, cache)
	d, err := t.open(ctx, &dir)
	return d, t, err
}

// open opens the directory at s in f. It returns nil if too much was read again already.
func (b *Builder) open(ctx context.Context, f *openDir, s spot) (*openDir, error) {
	r := f.at(s)
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
func (b *Builder) push(f *openDir) {
	b.used += f.weight
	if f.parent != nil {
		f.parent.opened++
	}
	b.link(f)
}

func (b *Builder) link(f *openDir) {
	f.older, f.newer = b.front, nil
	if b.front != nil {
		b.front.newer = f
	} else {
		b.back = f
	}
	b.front = f
}

func (b *Builder) unlink(f *openDir) {
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

// touch moves f and then everything above it to the front, so that no directory is older than what is
// below it.
func (b *Builder) touch(f *openDir) {
	for ; f != nil; f = f.parent {
		if b.front != f {
			b.unlink(f)
			b.link(f)
		}
	}
}

// forget takes f, which is closed or gone, off the list.
func (b *Builder) forget(f *openDir) {
	b.used -= f.weight
	if f.parent != nil {
		f.parent.opened--
	}
	b.unlink(f)
	if b.last == f {
		b.last, b.lastPath = nil, ""
	}
}

// drop forgets f and all open directories below it without writing them.
func (b *Builder) drop(f *openDir) {
	for r := range f.inMemory {
		if r.isDir() && r.more.open != nil {
			b.drop(r.more.open)
		}
	}
	b.forget(f)
}

// shrink takes entries out of memory until the others fit the limit, of the directories first that were used longest ago.
// Those on the path of the member just added stay open, and so do, if possible, those that members come back to.
func (b *Builder) shrink(ctx context.Context) error {
	if b.used <= max(b.limit, b.calm) {
		return nil
	}
	if b.churn()-b.raised > 4*b.added+openLimit && b.limit < crowdedLimit {
		return b.raise(ctx)
	}
	for f := b.last; f != nil; f = f.parent {
		f.pinned = true
	}
	defer func() {
		for f := b.last; f != nil; f = f.parent {
			f.pinned = false
		}
	}()
	goal := b.limit / 4 * 3
	err := b.shrinkTo(ctx, goal, func(f *openDir) error { // what comes again stays known
		if f.again && f.entries() >= b.sealFrom {
			return b.spill(ctx, f)
		}
		return b.close(ctx, f)
	})
	switch {
	case err != nil || b.used <= b.limit:
	case b.limit < crowdedLimit && b.memory != nil:
		err = b.raise(ctx)
	case b.limit >= crowdedLimit:
		err = b.shrinkTo(ctx, goal, func(f *openDir) error { return b.close(ctx, f) })
	}
	b.calm = 0
	if b.used > goal {
		b.calm = b.used + b.limit/4
	}
	return err
}

// reopenCost is what closing a directory and opening it again costs besides its entries, in bytes of entries read: two requests to
// the store.
const reopenCost = 16 << 10

// churn is what was spent on opening directories again, in bytes.
func (b *Builder) churn() int64 { return b.reread + reopenCost*b.reopened }

// shrinkTo hands directories out, those first that were used longest ago, until goal bytes are used.
func (b *Builder) shrinkTo(ctx context.Context, goal int64, shrink func(*openDir) error) error {
	for f := b.back; f != nil && b.used > goal; {
		newer := f.newer
		if err := shrink(f); err != nil {
			return err
		}
		f = newer
	}
	return ctx.Err()
}

// close writes f and takes it out of memory, or as much of it as may be while it is in use.
func (b *Builder) close(ctx context.Context, f *openDir) error {
	if f.pinned || f.parent == nil || f.opened > 0 {
		return b.spill(ctx, f)
	}
	if err := b.save(ctx, f, true); err != nil {
		return err
	}
	s, _ := f.parent.find(f.name)
	f.parent.at(s).more.open = nil
	b.forget(f)
	return nil
}

// save writes f if it changed, and tells its parent. The directories below it are saved already. What is not final is to be
// saved once more.
func (b *Builder) save(ctx context.Context, f *openDir, final bool) error {
	if !f.dirty {
		return nil
	}
	w, err := b.write(ctx, f, final)
	if err != nil {
		return fmt.Errorf("directory %q: %w", f.name, err)
	}
	f.dirty = !final && f.sealed != nil
	if f.parent == nil {
		b.root.take(&w)
		return nil
	}
	s, _ := f.parent.find(f.name)
	if f.parent.at(s).take(&w) {
		f.parent.changed(s, false)
	}
	return nil
}

// write writes f.
func (b *Builder) write(ctx context.Context, f *openDir, final bool) (written, error) {
	if f.sealed != nil {
		return b.writeSealed(ctx, f, final)
	}
	f.compact()
	return writeDir(ctx, b.store, f.recs, f.start)
}

// take makes r say of its directory what was written, and reports whether that is something else than before.
func (r *record) take(w *written) bool {
	m := r.more
	if m.child == w.Child && m.count == w.Count && m.unsettled == w.unsettled && m.attributed == w.Attributed && r.nlink == 2+w.Dirs {
		return false
	}
	m.child, m.count, m.unsettled, m.attributed, r.nlink = w.Child, w.Count, w.unsettled, w.Attributed, 2+w.Dirs
	return true
}

// Flush writes everything that is open and returns the root as it stands. Adding may go on, in this Builder or in a new one
// that starts from that root; look-ups in large directories have to wait for Finish.
func (b *Builder) Flush(ctx context.Context) (backup.Entry, error) { return b.flush(ctx, false) }

func (b *Builder) flush(ctx context.Context, final bool) (backup.Entry, error) {
	if !b.begun {
		b.root = implied("", &backup.Entry{}, 0)
		b.begun = true
	}
	for f := b.back; f != nil; f = f.newer {
		if err := b.save(ctx, f, final); err != nil {
			return backup.Entry{}, fmt.Errorf("flush tree: %w", err)
		}
	}
	var e backup.Entry
	b.root.entry(&e)
	return e, nil
}
