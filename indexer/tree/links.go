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

// maxLinks is how many hard links are added: they take 8 bytes of memory each when they are settled.
const maxLinks = 8 << 20

// addLink adds a hard link at path.
func (b *Builder) addLink(ctx context.Context, path string, e *backup.Entry, at int64) (Added, error) {
	if !validPath(e.Link) || e.Stored != "" && (checkName(e.Stored) != nil || e.Stored == e.Name) {
		return Added{Note: noteImpossible}, nil
	}
	if b.links == maxLinks {
		return Added{Note: noteLarge}, nil
	}
	f, s, first, err := b.find(ctx, e.Link)
	switch {
	case err != nil || f == nil:
		return Added{Note: noteNoTarget}, err
	case e.Link == path:
		return Added{OK: true, Path: first}, nil
	case f.at(s).isDir():
		return Added{Note: noteNoTarget}, nil
	}
	var like backup.Entry
	if f.at(s).entry(&like); !sameContent(&like, e) {
		return Added{Note: noteNoTarget}, nil // it was written to between the readings of its two names
	}
	dir, name := splitPath(path)
	r := secondName(f, s, first)
	r.name, r.more.stored = strings.Clone(name), strings.Clone(e.Stored)
	w := descent{b: b, e: &like, at: at}
	to, err := w.open(ctx, dir)
	if to == nil || err != nil {
		return Added{Note: w.refusal}, err
	}
	added := w.done(path, name, nothing)
	if same, err := b.has(ctx, to, &r, added.Path); same || err != nil {
		return added, err
	}
	if r.more.link == added.Path {
		r.more.link = ""
	}
	if extraKind(&r) == 0 {
		r.more = nil // as it would be if it were read again
	}
	b.links++
	replaced, err := b.set(ctx, to, r)
	return w.done(path, name, replaced), err
}

// secondName makes one more name, still to be given, of the entry at s of f, which stands at path.
func secondName(f *openDir, s spot, path string) record {
	target := f.at(s)
	first := target.link()
	if first == "" {
		first = path
		if target.nlink < 2 {
			target.nlink = 2
			f.changed(s, false)
		}
	}
	r := *target
	r.more = &extra{}
	if target.more != nil {
		*r.more = *target.more
	}
	r.more.link = first
	return r
}

// has reports whether the entry of f that has the name of r, and stands at path, is the same file.
func (b *Builder) has(ctx context.Context, f *openDir, r *record, path string) (bool, error) {
	s, there, err := b.locate(ctx, f, r.name)
	if err != nil || !there || !f.at(s).linked() || f.at(s).offset != r.offset {
		return false, err
	}
	first := f.at(s).link()
	if first == "" {
		first = path
	}
	return first == r.more.link, nil
}

// find opens the directory that path is in and finds its entry there, and tells its path without symbolic links. It makes
// nothing and returns nil if path is not there, or must not be read again.
func (b *Builder) find(ctx context.Context, path string) (*openDir, spot, string, error) {
	dir, name := splitPath(path)
	w := descent{b: b}
	f, err := w.open(ctx, dir)
	if f == nil || err != nil {
		return nil, spot{}, "", err
	}
	s, there, err := b.locate(ctx, f, name)
	if err != nil || !there {
		return nil, spot{}, "", err
	}
	return f, s, join(b.lastPath, strings.Clone(name)), nil
}

// Finish is Flush with link counts of hard-linked files settled on all their names. The Builder is
// done with then.
//
// The first name of a file has Link empty; if it was replaced, the next one in listing order takes
// its place. Only directories that have hard links somewhere below are read and written again, so
// Finish costs nothing without them. It needs 8 bytes of memory for each name of such a file.
func (b *Builder) Finish(ctx context.Context) (backup.Entry, error) {
	if _, err := b.flush(ctx, true); err != nil {
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
