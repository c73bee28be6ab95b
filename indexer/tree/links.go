package tree

import (
	"context"
	"fmt"
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
	f, s, err := b.find(ctx, e.Link)
	if err != nil || f == nil || f.at(s).isDir() {
		return false, err
	}
	if e.Link == path {
		return true, nil
	}
	if e.Stored != "" && (checkName(e.Stored) != nil || e.Stored == e.Name) {
		return false, nil
	}
	target := f.at(s)
	var like backup.Entry
	if target.entry(&like); !sameContent(&like, e) {
		return false, nil // it was written to between the readings of its two names
	}
	first := target.link()
	if first == "" {
		first = strings.Clone(e.Link)
		if target.nlink < 2 {
			target.nlink = 2
			f.changed(s, false)
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
	return true, b.set(ctx, to, r)
}

// find opens the directory that path is in and finds its entry there. It makes nothing and returns
// nil if path is not there, or must not be read again.
func (b *Builder) find(ctx context.Context, path string) (*folder, spot, error) {
	f := b.top
	for rest, more := path, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		s, there, err := b.locate(ctx, f, name)
		if err != nil {
			b.touch(f)
			return nil, spot{}, err
		}
		if !there || more && !f.at(s).isDir() {
			break
		}
		if !more {
			b.touch(f)
			return f, s, nil
		}
		child, err := b.open(ctx, f, s)
		if child == nil {
			b.touch(f)
			return nil, spot{}, err
		}
		f = child
	}
	b.touch(f)
	return nil, spot{}, nil
}

// Finish is Flush with link counts of hard-linked files settled on all their names. The Builder is
// done with then.
//
// The first name of a file has Link empty; if it was replaced, the next one in listing order takes
// its place. Only directories that have hard links somewhere below are read and written again, so
// Finish costs nothing without them. It needs 8 bytes of memory for each name of such a file.
func (b *Builder) Finish(ctx context.Context) (backup.Entry, error) {
	if _, err := b.Flush(ctx); err != nil {
		return backup.Entry{}, err
	}
	b.top, b.front, b.back, b.last, b.lastPath, b.used = nil, nil, nil, nil, "", 0
	s := settler{store: b.store, seed: b.seed, cache: NewCache(settleCache)}
	if err := s.settleAll(ctx, &b.root); err != nil {
		return backup.Entry{}, fmt.Errorf("settle hard links: %w", err)
	}
	var e backup.Entry
	b.root.entry(&e)
	return e, nil
}
