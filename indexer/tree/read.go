package tree

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"slotfs/indexer/backup"
)

// maxDepth bounds how deep a directory may lie: Linux takes paths of 4096 bytes.
const maxDepth = 2048

// Item is an entry together with where it stands in its snapshot. It is self-contained: a
// directory's Item is enough to list it.
type Item struct {
	backup.Entry // Offset is absolute here: content of a file, first header of a directory
	// Number counts entries in the tree in pre-order, directories before what is below them,
	// children in listing order (archive order; trees by name). The root is 0.
	Number uint64
}

// Tree reads one snapshot's tree. It is safe for concurrent use.
type Tree struct {
	store Getter
	root  backup.Entry
	cache *Cache
}

// New reads the tree below root from store, keeping decoded nodes in cache, which trees may share.
func New(store Getter, root backup.Entry, cache *Cache) *Tree {
	return &Tree{store: store, root: root, cache: cache}
}

// Root is entry number 0.
func (t *Tree) Root() Item { return Item{Entry: t.root} }

// node reads and decodes a node, or finds it in the cache.
func (t *Tree) node(ctx context.Context, h backup.Hash) (decoded, error) {
	if n := t.cache.get(h); n != nil {
		return n, nil
	}
	n, err := load(ctx, t.store, h)
	if err != nil {
		return nil, err
	}
	t.cache.put(h, n)
	return n, nil
}

// load reads and decodes a node of any kind.
func load(ctx context.Context, store Getter, h backup.Hash) (decoded, error) {
	data, err := store.Get(ctx, h)
	if err != nil {
		return nil, err
	}
	n, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", h, err)
	}
	return n, nil
}

func decode(data []byte) (decoded, error) {
	if len(data) < 2 {
		return nil, damaged("too short")
	}
	switch data[1] {
	case kindPage:
		return noNil(decodePage(data))
	case kindIndex:
		return noNil(decodeIndex(data))
	case kindBucket:
		return noNil(decodeBucket(data))
	}
	return nil, damaged("of no known kind")
}

// noNil keeps a nil pointer from becoming an interface that is not nil.
func noNil[T decoded](n T, err error) (decoded, error) {
	if err != nil {
		return nil, err
	}
	return n, nil
}

// directory is a directory that was opened: one page, or an index of pages.
type directory struct {
	item  *Item
	page  *page
	index *indexNode
}

// open reads the node of dir and checks that it has as many entries as dir claims.
func (t *Tree) open(ctx context.Context, dir *Item) (directory, error) {
	d := directory{item: dir}
	if !dir.IsDir() {
		return d, fmt.Errorf("entry %q: not a directory: %w", dir.Name, fs.ErrInvalid)
	}
	if dir.Child.IsZero() {
		if dir.Count != 0 {
			return d, damaged("directory without a node has entries")
		}
		d.page = &page{}
		return d, nil
	}
	n, err := t.node(ctx, dir.Child)
	if err != nil {
		return d, err
	}
	count := uint64(0)
	switch n := n.(type) {
	case *page:
		d.page, count = n, n.count()
	case *indexNode:
		d.index, count = n, n.count
	}
	if count != dir.Count {
		return d, fmt.Errorf("node %s: %w: %d entries below, its directory has %d", dir.Child, ErrDamaged,
			count, dir.Count)
	}
	return d, nil
}

func (d *directory) len() int {
	if d.index != nil {
		return d.index.n
	}
	return len(d.page.recs)
}

// placed is a page together with where it stands.
type placed struct {
	*page
	first  int    // which entry of the directory its first one is
	number uint64 // of its first entry in the tree
	base   int64  // absolute position that its offsets count from
}

// pageCount tells how many pages d has.
func (d *directory) pageCount() int {
	if d.index != nil {
		return len(d.index.pages)
	}
	return 1
}

// pageHash names page number p of d; zero if d is empty.
func (d *directory) pageHash(p int) backup.Hash {
	if d.index != nil {
		return d.index.pages[p].hash
	}
	return d.item.Child
}

// readPage reads page number p of d.
func (t *Tree) readPage(ctx context.Context, d *directory, p int) (placed, error) {
	if d.index == nil {
		return placed{page: d.page, number: d.item.Number + 1, base: d.item.Offset}, nil
	}
	ref := &d.index.pages[p]
	n, err := t.node(ctx, ref.hash)
	if err != nil {
		return placed{}, err
	}
	pg, ok := n.(*page)
	if !ok || len(pg.recs) != ref.n || pg.count() != ref.count || pg.dirCount != ref.dirCount {
		return placed{}, fmt.Errorf("node %s: %w: not the page that its index describes", ref.hash, ErrDamaged)
	}
	return placed{page: pg, first: ref.first, number: d.item.Number + 1 + ref.before,
		base: d.item.Offset + ref.base}, nil
}

// item fills it with entry number i of the page, before being how many entries stand in directories
// of the page before it.
func (p *placed) item(i int, before uint64, it *Item) error {
	p.recs[i].entry(&it.Entry)
	it.Offset += p.base
	it.Number = p.number + uint64(i) + before
	if it.Offset < 0 || it.Offset > maxPosition {
		return damaged("entry outside of its archive")
	}
	return nil
}

// before is how many entries stand in directories of the page before its entry number i.
func (p *page) before(i int) uint64 {
	d := searchDirs(p.dirs, func(m dirMark) bool { return int(m.at) >= i })
	if d == len(p.dirs) {
		return p.below
	}
	return p.dirs[d].before
}

// Len tells how many children dir has.
func (t *Tree) Len(ctx context.Context, dir Item) (int, error) {
	d, err := t.open(ctx, &dir)
	if err != nil {
		return 0, fmt.Errorf("list %q: %w", dir.Name, err)
	}
	return d.len(), nil
}

// List yields the children of dir in listing order, the first one yielded being child number from
// (0-based). After an error it stops. Names with backup.NestedSuffix are among them.
func (t *Tree) List(ctx context.Context, dir Item, from int) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		if err := t.list(ctx, &dir, from, yield); err != nil {
			yield(Item{}, fmt.Errorf("list %q: %w", dir.Name, err))
		}
	}
}

func (t *Tree) list(ctx context.Context, dir *Item, from int, yield func(Item, error) bool) error {
	d, err := t.open(ctx, dir)
	if err != nil || from >= d.len() {
		return err
	}
	from = max(from, 0)
	first := 0
	if d.index != nil {
		first = d.index.pageOf(from)
	}
	for n := first; n < d.pageCount(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := t.readPage(ctx, &d, n)
		if err != nil {
			return err
		}
		if more, err := p.list(max(from-p.first, 0), yield); err != nil || !more {
			return err
		}
	}
	return nil
}

// list yields the page's entries from the one with that number on.
func (p *placed) list(from int, yield func(Item, error) bool) (more bool, err error) {
	before := p.before(from)
	var it Item
	for i := from; i < len(p.recs); i++ {
		if err := p.item(i, before, &it); err != nil {
			return false, err
		}
		if !yield(it, nil) {
			return false, nil
		}
		before += it.Count
	}
	return true, nil
}

// Lookup finds name in dir; fs.ErrNotExist if it has none. Of a large directory it reads the index,
// a bucket and a page; seldom, when hashes of names collide, one page more.
func (t *Tree) Lookup(ctx context.Context, dir Item, name string) (Item, error) {
	it, err := t.lookup(ctx, &dir, name)
	if err != nil {
		return Item{}, fmt.Errorf("look up %q: %w", name, err)
	}
	return it, nil
}

func (t *Tree) lookup(ctx context.Context, dir *Item, name string) (Item, error) {
	d, err := t.open(ctx, dir)
	if err != nil {
		return Item{}, err
	}
	pages := []uint32{0}
	if d.index != nil {
		if pages, err = t.candidates(ctx, d.index, name); err != nil {
			return Item{}, err
		}
	}
	for _, n := range pages {
		if int(n) >= d.pageCount() {
			return Item{}, damaged("bucket names a page that is not there")
		}
		p, err := t.readPage(ctx, &d, int(n))
		if err != nil {
			return Item{}, err
		}
		if i := p.find(name); i >= 0 {
			var it Item
			err := p.item(i, p.before(i), &it)
			return it, err
		}
	}
	return Item{}, fs.ErrNotExist
}

// candidates lists the pages that may have the name.
func (t *Tree) candidates(ctx context.Context, x *indexNode, name string) ([]uint32, error) {
	number, low := x.bucketOf(nameHash(name))
	h := x.buckets[number]
	if h.IsZero() {
		return nil, nil
	}
	n, err := t.node(ctx, h)
	if err != nil {
		return nil, err
	}
	b, ok := n.(*bucket)
	if !ok {
		return nil, fmt.Errorf("node %s: %w: not a bucket", h, ErrDamaged)
	}
	return b.pages(low), nil
}

// find returns the number of the entry that has the name, or -1.
func (p *page) find(name string) int {
	for i := range p.recs {
		if p.recs[i].name == name {
			return i
		}
	}
	return -1
}

// Resolve finds a path from the root ("" is the root); fs.ErrNotExist where there is none. Links
// are not followed.
func (t *Tree) Resolve(ctx context.Context, path string) (Item, error) {
	it := t.Root()
	for rest := path; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if !it.IsDir() {
			return Item{}, fmt.Errorf("resolve %q: %w", path, fs.ErrNotExist)
		}
		next, err := t.lookup(ctx, &it, name)
		if err != nil {
			return Item{}, fmt.Errorf("resolve %q: %w", path, err)
		}
		it = next
	}
	return it, nil
}
