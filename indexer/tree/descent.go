package tree

import (
	"context"
	"strings"

	"slotfs/indexer/backup"
)

// Added is what became of a member.
type Added struct {
	OK   bool            // it is in the tree
	Path string          // where, if OK: not where it says if its path leads through a symbolic link
	Note backup.NoteKind // what is to be noted of it, or ""
}

// What a Builder notes of members.
const (
	noteImpossible backup.NoteKind = "path or content that no file can have, member left out"
	noteLarge      backup.NoteKind = "directory too large, member left out"
	noteBelow      backup.NoteKind = "member below a file or a link that leads nowhere, left out"
	noteFull       backup.NoteKind = "member in place of a directory that is not empty, left out"
	noteNoTarget   backup.NoteKind = "hard link to nothing, left out"
	noteReplaced   backup.NoteKind = "member hidden by a later one of the same name"
	noteElsewhere  backup.NoteKind = "member below a link, shown where the link leads"
)

// replaced is what a member took the place of.
type replaced uint8

const (
	nothing       replaced = iota
	another                // another entry, which is gone
	fullDirectory          // none: there is a directory with entries, which stays
)

// maxFollowed is how many symbolic links Linux follows on one path.
const maxFollowed = 40

// descent is how the Builder comes to the directory of a member.
type descent struct {
	b  *Builder
	e  *backup.Entry // in its name directories are made that are missing; nil: none are made
	at int64         // where the member is

	followed int
	refusal  backup.NoteKind // why there is no directory
}

// open opens the directory at path and makes what is missing of it. It returns nil, and sets refusal, if there cannot be one,
// or it is too large, or must not be read again.
func (w *descent) open(ctx context.Context, path string) (*openDir, error) {
	b := w.b
	if b.last != nil && path == b.lastPath {
		return w.ifSmall(b.last), nil
	}
	f := b.top
	defer func() { b.touch(f) }()
	own := len(path) // what remains of path itself: before that stand the targets of links, of which nothing is made
	for rest := path; rest != ""; {
		made := w.e != nil && len(rest) <= own
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if name == "" || name == "." { // in the target of a link
			continue
		}
		s, there, err := b.locate(ctx, f, name)
		switch {
		case err != nil:
			return nil, err
		case !there && !made:
			w.refusal = noteBelow
			return nil, nil
		case !there:
			b.append(f, implied(strings.Clone(name), w.e, w.at))
			s = spot{behind, len(f.recs) - 1}
		case !f.at(s).isDir():
			target, ok := w.follow(f.at(s))
			if !ok {
				w.refusal = noteBelow
				return nil, nil
			}
			own = min(own, len(rest))
			rest = strings.TrimSuffix(target+"/"+rest, "/")
			continue
		}
		child, err := b.open(ctx, f, s)
		if child == nil {
			w.refusal = noteLarge
			return nil, err
		}
		f = child
	}
	b.last, b.lastPath = f, strings.Clone(path)
	if w.followed > 0 {
		b.lastPath = f.path()
	}
	return w.ifSmall(f), nil
}

// follow is where r leads if tar, and then the kernel, follows it: tar makes links that are absolute or have ".." last of all.
func (w *descent) follow(r *record) (string, bool) {
	if r.mode&backup.ModeType != backup.ModeSymlink || w.followed == maxFollowed {
		return "", false
	}
	w.followed++
	target := r.more.target
	if target[0] == '/' {
		return "", false
	}
	for name := range strings.SplitSeq(target, "/") {
		if name == ".." {
			return "", false
		}
	}
	return target, true
}

// ifSmall returns f unless the directories on its path have too many entries together.
func (w *descent) ifSmall(f *openDir) *openDir {
	n := 0
	for g := f; g != nil; g = g.parent {
		n += g.entries()
	}
	if n >= w.b.pathLimit {
		w.refusal = noteLarge
		return nil
	}
	return f
}

// done tells what became of the member name at path.
func (w *descent) done(path, name string, r replaced) Added {
	added := Added{OK: true, Path: path}
	if w.followed > 0 {
		added.Path, added.Note = join(w.b.lastPath, name), noteElsewhere
	}
	switch r {
	case another:
		added.Note = noteReplaced
	case fullDirectory:
		return Added{Note: noteFull}
	}
	return added
}

// path is where f is.
func (f *openDir) path() string {
	if f.parent == nil {
		return ""
	}
	return join(f.parent.path(), f.name)
}

// empty reports whether nothing is in the directory r.
func (r *record) empty() bool {
	if f := r.more.open; f != nil {
		return f.entries() == 0
	}
	return r.more.count == 0
}
