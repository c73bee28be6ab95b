package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"slotfs/indexer/backup"
)

// sealed is the part of a large open directory that is in the store already: entries come behind it, and a page of it is read
// when one of its entries is needed. Its pages are not always those that the directory will have.
type sealed struct {
	pages   []sealedPage
	names   *pageTable
	n       int   // entries
	offsets bool  // some are elsewhere than the directory
	bytes   int64 // what the above takes in memory, without entries
}

// spot is where an entry of an open directory is: in a sealed page, or behind them.
type spot struct {
	page int // -1: behind
	i    int
}

const behind = -1

// errReread says that too much would have to be read again.
var errReread = errors.New("too much to read again")

// at is the entry at s, whose page is in memory.
func (f *openDir) at(s spot) *record {
	if s.page == behind {
		return &f.recs[s.i]
	}
	return &f.sealed.pages[s.page].recs[s.i]
}

// changed says that the entry at s changed. recut says that pages may end elsewhere for that.
func (f *openDir) changed(s spot, recut bool) {
	f.dirty = true
	if s.page != behind {
		page := &f.sealed.pages[s.page]
		page.dirty, page.recut = true, page.recut || recut
	}
}

// entries is how many entries f has.
func (f *openDir) entries() int {
	n := len(f.recs) - f.dead
	if f.sealed != nil {
		n += f.sealed.n
	}
	return n
}

// locate finds a name in f. A page that may have it is read if need be.
func (b *Builder) locate(ctx context.Context, f *openDir, name string) (spot, bool, error) {
	if i := f.names.find(f.recs, name); i >= 0 {
		return spot{behind, i}, true, nil
	}
	if f.sealed == nil {
		return spot{}, false, nil
	}
	for page := range f.sealed.names.pages(nameHash(name)) {
		if err := b.readPage(ctx, f, page); err != nil {
			return spot{}, false, err
		}
		if i := findName(f.sealed.pages[page].recs, name); i >= 0 {
			return spot{page, i}, true, nil
		}
	}
	return spot{}, false, nil
}

// find finds a name whose page is in memory.
func (f *openDir) find(name string) (spot, bool) {
	if i := f.names.find(f.recs, name); i >= 0 {
		return spot{behind, i}, true
	}
	if f.sealed == nil {
		return spot{}, false
	}
	for page := range f.sealed.names.pages(nameHash(name)) {
		if i := findName(f.sealed.pages[page].recs, name); i >= 0 {
			return spot{page, i}, true
		}
	}
	return spot{}, false
}

func findName(recs []record, name string) int {
	return slices.IndexFunc(recs, func(r record) bool { return r.name == name })
}

// inMemory yields the entries of f that are in memory.
func (f *openDir) inMemory(yield func(*record) bool) {
	if f.sealed != nil {
		for p := range f.sealed.pages {
			recs := f.sealed.pages[p].recs
			for i := range recs {
				if recs[i].name != "" && !yield(&recs[i]) {
					return
				}
			}
		}
	}
	for i := range f.recs {
		if f.recs[i].name != "" && !yield(&f.recs[i]) {
			return
		}
	}
}

// readPage brings a page of f into memory.
func (b *Builder) readPage(ctx context.Context, f *openDir, page int) error {
	p := &f.sealed.pages[page]
	if p.recs != nil {
		return nil
	}
	if b.reread > b.rereadLimit+rereadShare*b.added {
		return errReread
	}
	recs, err := p.read(ctx, b.store, f.start)
	if err != nil {
		return err
	}
	p.recs, p.bytes = recs, weightOf(recs)
	b.reread += p.bytes
	b.grow(f, p.bytes)
	return nil
}

// read reads the entries of a page of the directory at start, with absolute offsets.
func (p *sealedPage) read(ctx context.Context, store Getter, start int64) ([]record, error) {
	if p.n == 0 {
		return nil, nil
	}
	n, err := load(ctx, store, p.hash)
	if err != nil {
		return nil, err
	}
	pg, ok := n.(*page)
	if !ok || len(pg.recs) != p.n {
		return nil, fmt.Errorf("node %s: %w: not the page that was written", p.hash, ErrDamaged)
	}
	for i := range pg.recs {
		pg.recs[i].offset += start + p.base
	}
	return pg.recs, nil
}

func weightOf(recs []record) (sum int64) {
	for i := range recs {
		if recs[i].name != "" {
			sum += recs[i].weight()
		}
	}
	return sum
}

// living are the entries that were not replaced.
func living(recs []record) []record {
	for i := range recs {
		if recs[i].name == "" {
			return slices.DeleteFunc(slices.Clone(recs), func(r record) bool { return r.name == "" })
		}
	}
	return recs
}

// keepOpen keeps the entries of a page in memory if one of them is a directory that is open.
func (p *sealedPage) keepOpen(recs []record) {
	p.recs, p.bytes, p.dirty = nil, 0, false
	for i := range recs {
		if recs[i].isDir() && recs[i].more.open != nil {
			p.recs = slices.Clone(recs)
			p.bytes = weightOf(recs)
			return
		}
	}
}

// seal begins to keep entries of f in the store.
func (b *Builder) seal(f *openDir) {
	f.sealed = &sealed{names: newPageTable()}
	b.measure(f)
}

// measure counts anew what f takes in memory.
func (b *Builder) measure(f *openDir) {
	now := int64(openDirBytes) + weightOf(f.recs)
	if s := f.sealed; s != nil {
		s.bytes = s.names.memory() + int64(len(s.pages))*sealedPageBytes
		now += s.bytes
		for i := range s.pages {
			now += s.pages[i].bytes
		}
	}
	b.grow(f, now-f.weight)
}

// sealedPageBytes is about what a page takes that is not in memory.
const sealedPageBytes = 144

// spill takes entries of f out of memory, but for those of open directories.
func (b *Builder) spill(ctx context.Context, f *openDir) error {
	f.compact()
	if f.sealed == nil && len(f.recs) < b.sealFrom {
		return nil
	}
	if f.sealed == nil {
		b.seal(f)
	}
	s := f.sealed
	for i := range s.pages {
		if err := b.writeBack(ctx, f, &s.pages[i]); err != nil {
			return err
		}
		s.pages[i].keepOpen(s.pages[i].recs)
	}
	if len(f.recs) >= b.sealFrom {
		if err := b.sealRest(ctx, f); err != nil {
			return err
		}
	}
	b.measure(f)
	return nil
}

// sealRest makes pages of the entries behind those that f has. Where the last one will end nobody knows.
func (b *Builder) sealRest(ctx context.Context, f *openDir) error {
	s := f.sealed
	f.notice(f.recs)
	hashes := hashNames(f.recs)
	for at := 0; at < len(f.recs); {
		n := cut(f.recs[at:], hashes[at:])
		part := f.recs[at : at+n]
		page, err := writePage(ctx, b.store, part, f.start, s.offsets)
		if err != nil {
			return fmt.Errorf("directory %q: %w", f.name, err)
		}
		page.tight, page.recut = tight(hashes[at+n-1], n), at+n == len(f.recs)
		page.keepOpen(part)
		for _, h := range hashes[at : at+n] {
			s.names.add(pageEntry(h, len(s.pages)))
		}
		s.pages = append(s.pages, page)
		at += n
	}
	s.n += len(f.recs)
	f.recs = nil
	f.names.rebuild(nil)
	return nil
}

// notice tells whether entries are elsewhere than their directory. If they are the first ones, pages before were encoded
// as if there were none.
func (f *openDir) notice(recs []record) {
	s := f.sealed
	if s.offsets || !slices.ContainsFunc(recs, func(r record) bool { return r.name != "" && r.offset != f.start }) {
		return
	}
	s.offsets = true
	for p := range s.pages {
		s.pages[p].recut = true
	}
}

// writeBack writes a page whose entries changed.
func (b *Builder) writeBack(ctx context.Context, f *openDir, p *sealedPage) error {
	if !p.dirty {
		return nil
	}
	recs := living(p.recs)
	bytes, recut, was := p.bytes, p.recut, p.tight
	if len(recs) == 0 {
		*p = sealedPage{recut: true, recs: []record{}}
		return nil
	}
	next, err := writePage(ctx, b.store, recs, f.start, f.sealed.offsets)
	if err != nil {
		return fmt.Errorf("directory %q: %w", f.name, err)
	}
	next.recs, next.bytes, next.recut, next.tight = recs, bytes, recut, was
	*p = next
	return nil
}

// writeSealed writes a directory of which a part is sealed. It is unsettled if it may grow on.
func (b *Builder) writeSealed(ctx context.Context, f *openDir, final bool) (written, error) {
	s := f.sealed
	f.compact()
	f.notice(f.recs)
	w := pager{store: b.store, start: f.start, offsets: s.offsets}
	numbers := make([]int, len(s.pages))
	for i := range s.pages {
		n, err := b.repage(ctx, f, i, &w)
		if err != nil {
			return written{}, err
		}
		numbers[i] = n
	}
	if err := w.add(ctx, f.recs); err != nil {
		return written{}, err
	}
	if err := w.emit(ctx, true); err != nil {
		return written{}, err
	}
	s.names.renumber(numbers)
	for _, v := range w.fresh {
		s.names.add(v)
	}
	places := s.names.sorted
	if !final {
		places = nil
	}
	done, err := w.finish(ctx, places)
	if err == nil && len(w.pages) == 1 {
		done.Child, err = b.writeSingle(ctx, f, &w.pages[0])
	}
	if err != nil {
		return written{}, err
	}
	s.n += len(f.recs)
	s.pages, f.recs = w.pages, nil
	f.names.rebuild(nil)
	if n := len(s.pages); n > 0 {
		s.pages[n-1].recut = true // as soon as something follows
	}
	b.measure(f)
	return done, nil
}

// repage hands page i of f on, as it is where that is right, and tells the number that it has from now on; -1 if its
// entries are in other pages.
func (b *Builder) repage(ctx context.Context, f *openDir, i int, w *pager) (int, error) {
	s := f.sealed
	p := &s.pages[i]
	right := !p.recut && !(p.tight && (i+1 == len(s.pages) || s.pages[i+1].recut))
	if right && len(w.pending) == 0 {
		if err := b.writeBack(ctx, f, p); err != nil {
			return 0, err
		}
		p.keepOpen(p.recs)
		return w.pass(p), nil
	}
	recs := living(p.recs)
	if p.recs == nil {
		var err error
		if recs, err = p.read(ctx, b.store, f.start); err != nil {
			return 0, fmt.Errorf("directory %q: %w", f.name, err)
		}
	}
	if err := w.add(ctx, recs); err != nil {
		return 0, err
	}
	if right && len(w.pending) == len(recs) {
		w.pending, w.hashes = nil, nil
		return b.repage(ctx, f, i, w)
	}
	return -1, nil
}

// writeSingle writes the only page of a directory, which has no base.
func (b *Builder) writeSingle(ctx context.Context, f *openDir, p *sealedPage) (h backup.Hash, err error) {
	recs := living(p.recs)
	if recs == nil {
		if recs, err = p.read(ctx, b.store, f.start); err != nil {
			return h, err
		}
	}
	return put(ctx, b.store, encodePage(recs, f.start))
}
