package tree

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"slotfs/indexer/backup"
)

const (
	// settleCache is how many bytes of decoded nodes are kept while hard links are settled.
	settleCache = 8 << 20
	// orphanBytes bounds the paths that are kept of names whose first name was replaced. Names beyond stand for themselves.
	orphanBytes = 16 << 20
)

// settler counts the names of files that have several.
type settler struct {
	store Store
	seed  maphash.Seed
	cache *Cache
	some  bool // there is something to settle
	// names has one value for each name: which file it is, the lowest bit saying that it is the
	// first one.
	names []uint64
	// firsts are the paths that take the place of first names that were replaced, bytes what they take.
	firsts map[uint64]string
	bytes  int
}

// settleAll settles what is in root and below it.
func (s *settler) settleAll(ctx context.Context, root *record) error {
	d, _, err := openRecord(ctx, s.store, s.cache, root)
	if err != nil {
		return err
	}
	s.some = d.index != nil && d.index.bare() // nothing refers to the root that could say so
	err = s.each(ctx, root, "", func(r *record, path string) {
		file := s.file(r, path)
		if r.link() == "" {
			file |= 1
		}
		s.names = append(s.names, file)
	})
	if err != nil || !s.some {
		return err
	}
	slices.Sort(s.names)
	if s.orphans() {
		s.firsts = map[uint64]string{}
		if err := s.each(ctx, root, "", s.adopt); err != nil {
			return err
		}
	}
	w, err := s.rewrite(ctx, root, "")
	root.more.child, root.more.unsettled = w.Child, false
	return err
}

// file tells which file the name at path is one of. The highest and the lowest bit of the result
// are 0.
func (s *settler) file(r *record, path string) uint64 {
	if link := r.link(); link != "" {
		path = link
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.WriteString(path)
	var position [8]byte
	binary.LittleEndian.PutUint64(position[:], uint64(r.offset))
	h.Write(position[:])
	return h.Sum64() >> 1 &^ 1
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// group tells how many names a file has, and whether the first one is among them.
func (s *settler) group(file uint64) (n int, first bool) {
	from, _ := slices.BinarySearch(s.names, file)
	to, _ := slices.BinarySearch(s.names, file+2)
	return to - from, to > from && s.names[to-1] == file|1
}

// orphans reports whether there are files whose first name was replaced.
func (s *settler) orphans() bool {
	for i, file := range s.names {
		if last := i+1 == len(s.names) || s.names[i+1]&^1 != file&^1; last && file&1 == 0 {
			return true
		}
	}
	return false
}

// adopt makes the name at path the first one of its file, if that has none.
func (s *settler) adopt(r *record, path string) {
	file := s.file(r, path)
	if _, first := s.group(file); first || s.firsts[file] != "" || s.bytes > orphanBytes {
		return
	}
	s.firsts[file] = path
	s.bytes += len(path) + 64
}

// each calls fn with the names of files that have several, in dir, whose offset is absolute, and below it, in the order of
// the tree. Of each directory on the way one entry is in memory: trees may be deep and wide.
func (s *settler) each(ctx context.Context, dir *record, path string, fn func(r *record, path string)) error {
	return s.walk(ctx, dir, path, func(r *record) error {
		s.some = true
		if r.isDir() {
			return s.each(ctx, r, join(path, r.name), fn)
		}
		fn(r, join(path, r.name))
		return nil
	})
}

// walk calls fn with copies of those entries of dir that are to be settled, or have such below.
func (s *settler) walk(ctx context.Context, dir *record, path string, fn func(r *record) error) error {
	for n, i := 0, 0; ; n, i = n+1, 0 {
		for {
			r, at, more, err := s.next(ctx, dir, n, i)
			if err != nil {
				return fmt.Errorf("directory %q: %w", path, err)
			}
			if !more && at < 0 {
				return nil
			}
			if !more {
				break
			}
			if err := fn(&r); err != nil {
				return err
			}
			i = at + 1
		}
	}
}

// next returns the first entry from number i of page n on that is to be settled. Without more there is none in the page;
// at < 0 says that there is no such page.
func (s *settler) next(ctx context.Context, dir *record, n, i int) (r record, at int, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return r, 0, false, err
	}
	d, t, err := openRecord(ctx, s.store, s.cache, dir)
	if err != nil || n >= d.pageCount() || d.len() == 0 {
		return r, -1, false, err
	}
	p, err := t.readPage(ctx, &d, n)
	if err != nil {
		return r, 0, false, err
	}
	for ; i < len(p.recs); i++ {
		if p.recs[i].linked() || p.recs[i].isDir() && p.recs[i].more.unsettled {
			r = p.recs[i]
			r.offset += p.base
			return r, i, true, nil
		}
	}
	return r, 0, false, nil
}

// rewrite settles what is in dir and below it and writes it.
func (s *settler) rewrite(ctx context.Context, dir *record, path string) (written, error) {
	var nodes []backup.Hash // of the directories in dir that were rewritten, in order
	err := s.walk(ctx, dir, path, func(r *record) error {
		if !r.isDir() {
			return nil
		}
		w, err := s.rewrite(ctx, r, join(path, r.name))
		nodes = append(nodes, w.Child)
		return err
	})
	if err != nil {
		return written{}, err
	}
	offsets, err := s.scattered(ctx, dir)
	if err != nil {
		return written{}, fmt.Errorf("directory %q: %w", path, err)
	}
	w := pager{store: s.store, start: dir.offset, offsets: offsets}
	err = s.pages(ctx, dir, func(recs []record) error {
		for i := range recs {
			if r := &recs[i]; r.linked() {
				s.settle(r, path)
			} else if r.isDir() && r.more.unsettled {
				m := *r.more
				m.child, m.unsettled, nodes = nodes[0], false, nodes[1:]
				r.more = &m
			}
		}
		return w.add(ctx, recs)
	})
	if err != nil {
		return written{}, fmt.Errorf("directory %q: %w", path, err)
	}
	return w.directory(ctx)
}

// pages hands out copies of the entries of dir, page by page.
func (s *settler) pages(ctx context.Context, dir *record, fn func(recs []record) error) error {
	d, t, err := openRecord(ctx, s.store, s.cache, dir)
	if err != nil || d.len() == 0 {
		return err
	}
	for n := range d.pageCount() {
		p, err := t.readPage(ctx, &d, n)
		if err != nil {
			return err
		}
		recs := slices.Clone(p.recs)
		for i := range recs {
			recs[i].offset += p.base
		}
		if err := fn(recs); err != nil {
			return err
		}
	}
	return nil
}

// scattered reports whether entries of dir are elsewhere than dir itself.
func (s *settler) scattered(ctx context.Context, dir *record) (found bool, err error) {
	err = s.pages(ctx, dir, func(recs []record) error {
		found = found || slices.ContainsFunc(recs, func(r record) bool { return r.offset != dir.offset })
		return nil
	})
	return found, err
}

// settle gives one name its link count and the path of its file's first name.
func (s *settler) settle(r *record, dir string) {
	path := join(dir, r.name)
	file := s.file(r, path)
	n, first := s.group(file)
	r.nlink = uint32(n)
	if r.link() == "" || first {
		return
	}
	m := *r.more
	m.link = s.firsts[file]
	if m.link == path {
		m.link = ""
	}
	r.more = &m
}

// directory writes what is left and then the directory, whatever its size.
func (p *pager) directory(ctx context.Context) (written, error) {
	if len(p.pages) == 0 && len(p.pending) <= maxPage && (len(p.pending) <= 1 || cut(p.pending, p.hashes) == len(p.pending)) {
		return writeDir(ctx, p.store, p.pending, p.start)
	}
	return p.finish(ctx, func() iter.Seq[uint64] {
		slices.Sort(p.fresh)
		return slices.Values(p.fresh)
	})
}
