package tree

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"slotfs/indexer/backup"
)

// Builder makes a tree of members that come in any order, with few directories in memory:
// directories that were left are written and read again when a later member needs them. It is not
// safe for concurrent use.
type Builder struct {
	store Store
	root  record // attributes of the root; offset is where the archive begins
	begun bool   // the root has attributes
	top   *openDir
	seed  maphash.Seed

	// last is the directory of the member before, and lastPath its path.
	last     *openDir
	lastPath string

	// The open directories, the ones used last in front. A directory never stands in front of its parent.
	front, back *openDir
	used        int64 // bytes of all open directories
	limit       int64 // above which directories are closed, or parts of them
	calm        int64 // used when nothing more could be closed: it has to grow before that is tried again
	memory      *Memory
	large       bool  // it has the token of memory
	sealFrom    int   // entries of a directory that are worth being put into the store while it is open
	pathLimit   int   // entries that the directories on one path may have together
	rereadLimit int64 // bytes of directories to open again, besides rereadShare times what was added
	added       int64 // bytes of entries
	reread      int64 // bytes of directories that were opened again
	links       int   // hard links that were added
	reopened    int64 // directories that were opened again
	raised      int64 // churn when the limit was raised last
}

// What a Builder keeps in memory, in bytes.
const (
	// openLimit is for open directories in ordinary archives. Where members jump to and fro between large
	// directories the limit grows up to crowdedLimit.
	openLimit    = 32 << 20
	crowdedLimit = 128 << 20
)

const (
	// pathLimit is how many entries the directories on the path of one member have at most, which have to be open together:
	// 19 bytes of memory for each. Members that would exceed it are not added.
	pathLimit = 8 << 20
	// sealFrom is from how many entries on it pays to put them into the store while their directory is open.
	sealFrom = 256
)

// What a Builder spends on opening directories again: an archive of some MB can be made to jump to and fro
// between directories of hundreds of MB, for days. Members for which more would be needed are not added.
const (
	rereadLimit = 8 << 30
	rereadShare = 8
)

// NewBuilder starts from root, which is the zero Entry for a new tree or what Flush returned before.
func NewBuilder(store Store, root backup.Entry) *Builder {
	b := &Builder{store: store, seed: maphash.MakeSeed(), limit: openLimit, pathLimit: pathLimit,
		sealFrom: sealFrom, rereadLimit: rereadLimit}
	b.begun = root.Mode != 0
	b.root = record{name: root.Name, mtime: root.MTime, offset: root.Offset, mode: root.Mode, uid: root.UID,
		gid: root.GID, nlink: root.Nlink,
		more: &extra{xattrs: root.Xattrs, child: root.Child, count: root.Count, attributed: root.Attributed, far: root.Far}}
	return b
}

// Add puts e at path ("" changes the root's attributes), making directories that are missing and replacing what was there, as
// GNU tar does when it extracts: the last occurrence wins, a directory keeps its children when a directory comes again, and
// nothing but another directory takes the place of one that is not empty. A path that leads through a relative symbolic link
// goes where the link leads; through one that is absolute or has "..", and through what is no directory, tar extracts nothing. at
// is the absolute position of the member's first header in the archive; e.Offset is absolute. A hard link has e.Link set to its
// normalised target path and needs no other attribute; a link whose target is not there (or is a directory) is not added.
//
// A directory stands where it, or the first member below it, came first; anything else where it
// came last, because that is where its content is. Directories that no member made yet have mode 0755
// and the owner and time of the member that needed them. A link to the file that it is at changes
// nothing. A link stays what it was when the name that it was linked to is replaced. Not added are
// also members with a path that cannot be (empty, "." or ".." elements, names over 4096 bytes, more
// than 2048 elements), with sparse extents out of order, those that make the directories on their path have more than
// 8 million entries together, hard links beyond as many, and those for which large directories would have to be read again once
// too often.
func (b *Builder) Add(ctx context.Context, path string, e backup.Entry, at int64) (Added, error) {
	if at < 0 || at > maxPosition {
		return Added{}, fmt.Errorf("add %q: position %d out of range", path, at)
	}
	if err := b.start(ctx, &e, at); err != nil {
		return Added{}, err
	}
	added, err := b.add(ctx, path, &e, at)
	if errors.Is(err, errReread) {
		added, err = Added{Note: noteLarge}, nil
	}
	if err != nil {
		return Added{}, fmt.Errorf("add %q: %w", path, err)
	}
	if err := b.shrink(ctx); err != nil {
		return Added{}, fmt.Errorf("add %q: %w", path, err)
	}
	return added, nil
}

// start opens the root, which the first member makes if it is not there.
func (b *Builder) start(ctx context.Context, e *backup.Entry, at int64) error {
	if !b.begun {
		b.root = implied("", e, at)
		b.begun = true
	}
	return b.openTop(ctx)
}

func (b *Builder) openTop(ctx context.Context) error {
	if b.top != nil {
		return nil
	}
	top, err := b.read(ctx, &b.root, nil)
	if err != nil {
		return fmt.Errorf("open root: %w", err)
	}
	b.top = top
	b.push(top)
	return nil
}

// implied is a directory that no member of its own made yet.
func implied(name string, e *backup.Entry, at int64) record {
	return record{name: name, mode: backup.ModeDir | 0o755, uid: e.UID, gid: e.GID, mtime: e.MTime,
		offset: at, nlink: 2, more: &extra{far: e.Far}}
}

func (b *Builder) add(ctx context.Context, path string, e *backup.Entry, at int64) (Added, error) {
	if path == "" {
		return Added{OK: b.setRoot(e)}, nil
	}
	if !validPath(path) || e.Offset < 0 {
		return Added{Note: noteImpossible}, nil
	}
	if e.Link != "" {
		return b.addLink(ctx, path, e, at)
	}
	dir, name := splitPath(path)
	e.Name = name
	own := ownCopy(e)
	r, err := newRecord(&own)
	if err != nil {
		return Added{Note: noteImpossible}, nil
	}
	if r.isDir() {
		r.offset, r.nlink = at, 2
	}
	w := descent{b: b, e: e, at: at}
	f, err := w.open(ctx, dir)
	if f == nil || err != nil {
		return Added{Note: w.refusal}, err
	}
	replaced, err := b.set(ctx, f, r)
	return w.done(path, name, replaced), err
}

// setRoot gives the root the attributes of e.
func (b *Builder) setRoot(e *backup.Entry) bool {
	if !e.IsDir() {
		return false
	}
	b.root.mode, b.root.uid, b.root.gid, b.root.mtime = e.Mode, e.UID, e.GID, e.MTime
	b.root.more.xattrs, b.root.more.far = sortedXattrs(e.Xattrs), e.Far
	return true
}

// ownCopy keeps the strings of e from holding on to larger ones that they may be parts of. A
// directory brings neither node nor count: those are the Builder's.
func ownCopy(e *backup.Entry) backup.Entry {
	own := *e
	own.Name, own.Target, own.Stored = strings.Clone(e.Name), strings.Clone(e.Target), strings.Clone(e.Stored)
	own.Nlink, own.Child, own.Count, own.Attributed = 1, backup.Hash{}, 0, false
	return own
}

func splitPath(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

func validPath(path string) bool {
	depth := 0
	for rest, more := path, true; more; depth++ {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		if checkName(name) != nil {
			return false
		}
	}
	return depth <= maxDepth
}

// set puts r into f in place of what has its name, which it tells.
func (b *Builder) set(ctx context.Context, f *openDir, r record) (replaced, error) {
	s, there, err := b.locate(ctx, f, r.name)
	if err != nil || !there {
		if err == nil {
			b.append(f, r)
		}
		return nothing, err
	}
	old := f.at(s)
	switch {
	case old.isDir() && r.isDir():
		b.weigh(f, s, -old.weight())
		old.mode, old.uid, old.gid, old.mtime, old.more.xattrs = r.mode, r.uid, r.gid, r.mtime, r.more.xattrs
		old.more.stored, old.more.far = r.more.stored, r.more.far
		b.weigh(f, s, old.weight())
		f.changed(s, true)
		return nothing, nil
	case old.isDir() && !old.empty():
		return fullDirectory, nil
	}
	b.remove(f, s)
	b.append(f, r)
	return another, nil
}

// append makes r the last entry of f.
func (b *Builder) append(f *openDir, r record) {
	if f.dead > 1024 && f.dead > len(f.recs)/2 {
		f.compact()
	}
	f.recs = append(f.recs, r)
	f.names.add(f.recs)
	f.dirty = true
	weight := r.weight()
	b.added += weight
	b.grow(f, weight)
}

// remove takes the entry at s out of f, and everything below it.
func (b *Builder) remove(f *openDir, s spot) {
	r := f.at(s)
	b.weigh(f, s, -r.weight())
	if r.isDir() && r.more.open != nil {
		b.drop(r.more.open)
	}
	*r = record{}
	f.changed(s, true)
	if s.page == behind {
		f.dead++
	} else {
		f.sealed.n--
	}
}

// weigh says that the entry at s takes n bytes more.
func (b *Builder) weigh(f *openDir, s spot, n int64) {
	if s.page != behind {
		f.sealed.pages[s.page].bytes += n
	}
	b.grow(f, n)
}

func (b *Builder) grow(f *openDir, n int64) {
	f.weight += n
	b.used += n
}
