package tree

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"slotfs/indexer/backup"
)

// While a tree is built, every name of a file with several has nlink 2 and the position of the
// content, and all names but the first have the path of the first one. A file is known by that path
// together with the position: if the first name is replaced, the others still belong together.
// Directories above such names are marked as unsettled, so that Finish finds them in a tree that
// was written long ago.

// addLink adds a hard link at path.
func (b *Builder) addLink(ctx context.Context, path string, e *backup.Entry, at int64) (bool, error) {
	if !validPath(e.Link) {
		return false, nil
	}
	f, i, err := b.find(ctx, e.Link)
	if err != nil || f == nil || f.recs[i].isDir() {
		return false, err
	}
	if e.Link == path {
		return true, nil
	}
	if e.Stored != "" && (checkName(e.Stored) != nil || e.Stored == e.Name) {
		return false, nil
	}
	target := &f.recs[i]
	var like backup.Entry
	if target.entry(&like); !sameContent(&like, e) {
		return false, nil // it was written to between the readings of its two names
	}
	first := target.link()
	if first == "" {
		first = strings.Clone(e.Link)
		if target.nlink < 2 {
			target.nlink = 2
			f.dirty = true
		}
	}
	dir, name := splitPath(path)
	r := *target
	r.name = strings.Clone(name)
	r.more = &extra{}
	if target.more != nil {
		*r.more = *target.more
	}
	r.more.link, r.more.stored = first, strings.Clone(e.Stored)
	if first == path {
		r.more.link = ""
	}
	if extraKind(&r) == 0 {
		r.more = nil // as it would be if it were read again
	}
	r.entry(&like)
	to, err := b.folder(ctx, dir, &like, at)
	if to == nil || err != nil {
		return false, err
	}
	b.set(to, r)
	return true, nil
}

// find opens the directory that path is in and finds its entry there. It makes nothing and returns
// nil if path is not there, or must not be read again.
func (b *Builder) find(ctx context.Context, path string) (*folder, int, error) {
	f := b.top
	for rest, more := path, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		i := f.names.find(f.recs, name)
		if i < 0 || more && !f.recs[i].isDir() {
			break
		}
		if !more {
			b.touch(f)
			return f, i, nil
		}
		child, err := b.open(ctx, f, i)
		if child == nil {
			b.touch(f)
			return nil, 0, err
		}
		f = child
	}
	b.touch(f)
	return nil, 0, nil
}

// Finish is Flush with link counts of hard-linked files settled on all their names. The Builder is
// done with then.
//
// The first name of a file has Link empty; if it was replaced, the next one in listing order takes
// its place. Only directories that have hard links somewhere below are read and written again, so
// Finish costs nothing without them. It needs memory for 8 bytes for each name of such a file.
func (b *Builder) Finish(ctx context.Context) (backup.Entry, error) {
	if _, err := b.Flush(ctx); err != nil {
		return backup.Entry{}, err
	}
	b.top, b.front, b.back, b.last, b.lastPath, b.used = nil, nil, nil, nil, "", 0
	s := settler{store: b.store, seed: b.seed, firsts: map[uint64]string{}}
	if err := s.collect(ctx, &b.root, ""); err != nil {
		return backup.Entry{}, fmt.Errorf("settle hard links: %w", err)
	}
	if len(s.names) > 0 {
		slices.Sort(s.names)
		w, err := s.rewrite(ctx, &b.root, "")
		if err != nil {
			return backup.Entry{}, fmt.Errorf("settle hard links: %w", err)
		}
		b.root.more.child = w.Child
	}
	var e backup.Entry
	b.root.entry(&e)
	return e, nil
}

// settler counts the names of files that have several.
type settler struct {
	store Store
	seed  maphash.Seed
	// names has one value for each name: which file it is, the lowest bit saying that it is the
	// first one.
	names []uint64
	// firsts are the paths that took the place of first names that were replaced.
	firsts map[uint64]string
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

// collect fills names with what is in dir, whose offset is absolute, and below it.
func (s *settler) collect(ctx context.Context, dir *record, path string) error {
	recs, err := readRecords(ctx, s.store, dir)
	if err != nil {
		return fmt.Errorf("directory %q: %w", path, err)
	}
	for i := range recs {
		r := &recs[i]
		switch {
		case r.linked() && r.link() == "":
			s.names = append(s.names, s.file(r, join(path, r.name))|1)
		case r.linked():
			s.names = append(s.names, s.file(r, ""))
		case r.isDir() && r.more.unsettled:
			if err := s.collect(ctx, r, join(path, r.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// rewrite settles what is in dir and below it and writes it.
func (s *settler) rewrite(ctx context.Context, dir *record, path string) (written, error) {
	recs, err := readRecords(ctx, s.store, dir)
	if err != nil {
		return written{}, fmt.Errorf("directory %q: %w", path, err)
	}
	for i := range recs {
		r := &recs[i]
		switch {
		case r.linked():
			s.settle(r, path)
		case r.isDir() && r.more.unsettled:
			w, err := s.rewrite(ctx, r, join(path, r.name))
			if err != nil {
				return written{}, err
			}
			r.more.child, r.more.unsettled = w.Child, false
		}
	}
	return writeDir(ctx, s.store, recs, dir.offset)
}

// settle gives one name its link count and the path of its file's first name.
func (s *settler) settle(r *record, dir string) {
	path := join(dir, r.name)
	file := s.file(r, path)
	from, _ := slices.BinarySearch(s.names, file)
	to, _ := slices.BinarySearch(s.names, file+2)
	r.nlink = uint32(to - from)
	if r.link() == "" || s.names[to-1] == file|1 {
		return
	}
	first, ok := s.firsts[file]
	if !ok {
		s.firsts[file] = path
	}
	r.more.link = first
}
