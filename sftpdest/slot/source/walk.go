package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// Walk yields everything in manifest order. Vanished files are left out; a directory that cannot be read is yielded
// with Frozen. An error ends the walk.
func (t *Tree) Walk(ctx context.Context) iter.Seq2[*Found, error] {
	walk := func(yield func(*Found, error) bool) {
		w := &walker{ctx: ctx, tree: t, yield: yield, xattrs: newXattrs(), names: make([]byte, listBuffer), target: make([]byte, 8192)}
		if err := w.readOwnPatterns(); err != nil {
			yield(nil, fmt.Errorf("walk %s: %w", t.name, err))
			return
		}
		if !t.o.NetworkFS {
			w.remote, _ = t.remotes()
		}
		w.directory(place{parent: int(t.root.Fd()), name: ".", joined: t.joined, job: t.filter.root()})
	}
	if t.watch != nil {
		return t.watch.watched(walk)
	}
	return walk
}

// walker is one walk. Of the tree it holds the names of the directories on the way to where it is.
type walker struct {
	ctx     context.Context
	tree    *Tree
	yield   func(*Found, error) bool
	own     *filter // of the source's own file
	links   links
	xattrs  *xattrs
	remote  map[string]string // kinds of file systems of other machines, by path: they are left out
	ignored error             // what of own has no effect
	names   []byte            // of list
	target  []byte            // of symlinks
}

// place is where a directory stands.
type place struct {
	parent int    // handle of the directory above
	name   string // in there
	path   string // in the backup
	depth  int
	device uint64 // of the directory that the walk began at; 0: this is it
	joined *join  // what is joined here or below, or nil
	hollow bool   // nothing is here but what is joined below

	job, own position // in the directory around it and, once it is opened, in itself
	owned    int      // bytes of the path to where the source's own patterns count from
	patterns bool     // those hold here
}

// stop ends the walk with an error. Its result is false.
func (w *walker) stop(path string, err error) bool {
	w.yield(nil, fmt.Errorf("walk %s: %q: %w", w.tree.name, path, err))
	return false
}

// fatal reports whether an error has nothing to do with what is read.
func fatal(err error) bool { return err == unix.EMFILE || err == unix.ENFILE || err == unix.ENOMEM }

// directory yields a directory and what is in it. False ends the walk.
func (w *walker) directory(p place) bool {
	if p.hollow {
		found := &Found{Entry: entryAt(p.path)}
		found.Mode = backup.ModeDir | 0o700
		w.position(&p)
		return w.yield(found, nil) && w.entries(-1, &p, merge(nil, p.joined.names()))
	}
	parent := p.parent
	if p.joined != nil && p.joined.directory != nil {
		parent, p.name, p.device = int(p.joined.directory.Fd()), ".", 0
		p.patterns = false
	}
	fd, err := openDirectory(parent, p.name)
	switch {
	case err == nil:
		defer unix.Close(fd)
		return w.opened(fd, &p)
	case fatal(err), p.name == "." && err == unix.ENOENT:
		return w.stop(p.path, err)
	case err == unix.ENOENT || isElse(err):
		// It was removed or replaced while we looked: nothing of what it was is left.
		return p.joined == nil || w.directory(p.hollowed())
	}
	return w.closed(parent, &p, err)
}

func (p place) hollowed() place {
	p.hollow = true
	return p
}

// closed yields a directory that cannot be opened, with what can be told of it.
func (w *walker) closed(parent int, p *place, why error) bool {
	found := &Found{Entry: entryAt(p.path), Frozen: true, Warning: fmt.Errorf("open: %w", why)}
	found.Mode = backup.ModeDir
	var st unix.Stat_t
	if statAt(parent, p.name, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		w.tree.attributes(&found.Entry, &st)
		found.Xattrs, _ = w.xattrs.read(parent, p.name, found.Device)
	}
	return w.yield(found, nil)
}

// mounted yields an empty directory in place of a file system of another machine: what it covers cannot be seen, and it may
// not answer.
func (w *walker) mounted(path, kind string) bool {
	found := &Found{Entry: entryAt(path)}
	found.Mode = backup.ModeDir | 0o755
	if !w.tree.o.OneFileSystem {
		w.tree.skip(path, kind)
	}
	return w.yield(found, nil)
}

// opened yields the directory fd and what is in it.
func (w *walker) opened(fd int, p *place) bool {
	if err := w.ctx.Err(); err != nil {
		return w.stop(p.path, err)
	}
	found := &Found{Entry: entryAt(p.path)}
	var st unix.Stat_t
	// "." needs the permission to go through the directory, as all that is in it does.
	err := statAt(fd, ".", &st)
	if err != nil {
		found.freeze(fmt.Errorf("stat: %w", err))
		if err := unix.Fstat(fd, &st); err != nil {
			return w.stop(p.path, err)
		}
	}
	w.tree.attributes(&found.Entry, &st)
	if p.device == 0 {
		p.device = found.Device
	}
	if found.Device != p.device && w.tree.watch != nil {
		w.tree.watch.files.Store(true) // whoever mounted it may take it away again
	}
	var names []name
	if !found.Frozen && (!w.tree.o.OneFileSystem || found.Device == p.device) {
		if names, err = list(fd, w.names); err != nil {
			switch {
			case fatal(err), p.name == "." && err == unix.ENOENT:
				return w.stop(p.path, err)
			case err == unix.ENOENT && p.joined == nil:
				return true // removed
			}
			found.freeze(fmt.Errorf("list: %w", err))
			names = nil
		}
	}
	if len(names) > 0 && (p.depth >= manifest.MaxDepth || len(p.path) > manifest.MaxPath-manifest.MaxName) {
		found.freeze(errors.New("the path is too long"))
		names = nil
	}
	if found.Xattrs, err = w.xattrs.read(fd, ".", found.Device); err != nil {
		found.Warning = errors.Join(found.Warning, err)
	}
	if p.path == "" && w.ignored != nil {
		found.Warning = errors.Join(found.Warning, w.ignored)
	}
	if !w.yield(found, nil) {
		return false
	}
	if w.tree.o.CacheDirs && p.path != "" && isCache(fd, names) {
		names = []name{{name: cacheTag}}
	}
	w.position(p)
	return w.entries(fd, p, merge(names, p.joined.names()))
}

func (f *Found) freeze(why error) {
	f.Frozen = true
	f.Warning = errors.Join(f.Warning, why)
}

// entryAt is an entry that has a path and nothing else.
func entryAt(path string) manifest.Entry {
	return manifest.Entry{Path: path, Entry: backup.Entry{Name: path[strings.LastIndexByte(path, '/')+1:]}}
}

// entries yields what is in the directory fd (-1: nothing but what is joined).
func (w *walker) entries(fd int, p *place, names []name) bool {
	for i := range names {
		n := names[i]
		names[i].name = "" // what was yielded need not stay in memory
		path := n.name
		if p.path != "" {
			path = p.path + "/" + n.name
		}
		if !w.entry(fd, p, n, path) {
			return false
		}
	}
	return true
}

// entry yields what stands at a name of the directory fd.
func (w *walker) entry(fd int, p *place, n name, path string) bool {
	below := place{parent: fd, name: n.name, path: path, depth: p.depth + 1, device: p.device, joined: p.joined.child(n.name),
		job: p.job, own: p.own, owned: p.owned, patterns: p.patterns}
	if below.joined != nil {
		below.hollow = below.joined.directory == nil && (fd < 0 || w.excluded(&below, unix.DT_DIR))
		return w.directory(below)
	}
	kind := n.kind
	if other, ok := w.remote[path]; ok && (kind == unix.DT_DIR || kind == unix.DT_UNKNOWN) {
		return w.excluded(&below, unix.DT_DIR) || w.mounted(path, other)
	}
	if kind != unix.DT_UNKNOWN && w.excluded(&below, kind) {
		return true
	}
	if kind == unix.DT_DIR {
		return w.directory(below)
	}
	var st unix.Stat_t
	err := statAt(fd, n.name, &st)
	switch {
	case err == unix.ENOENT:
		return true
	case err != nil && fatal(err):
		return w.stop(path, err)
	case err != nil:
		found := &Found{Entry: entryAt(path)}
		found.Mode = modeOf(kind)
		found.freeze(fmt.Errorf("stat: %w", err))
		return w.yield(found, nil)
	}
	if now := kindOf(st.Mode); now != kind {
		if w.excluded(&below, now) {
			return true
		}
		if now == unix.DT_DIR {
			return w.directory(below)
		}
	}
	return w.leaf(fd, n.name, path, &st)
}

// leaf yields what is no directory.
func (w *walker) leaf(fd int, name, path string, st *unix.Stat_t) bool {
	if err := w.ctx.Err(); err != nil {
		return w.stop(path, err)
	}
	found := &Found{Entry: entryAt(path)}
	w.tree.attributes(&found.Entry, st)
	switch {
	case found.IsSymlink():
		n, err := ignoringEINTR(func() (int, error) { return unix.Readlinkat(fd, name, w.target) })
		if err == unix.ENOENT || err == unix.EINVAL || err == nil && n <= 0 {
			return true // gone, or something else now
		}
		if err != nil {
			return w.stop(path, err)
		}
		found.Target = string(w.target[:n])
	case isSparse(st):
		var opened unix.Stat_t
		same := func(found *unix.Stat_t) bool { return found.Dev == st.Dev && found.Ino == st.Ino }
		if file, err := openRegular(fd, name, &opened, same); err == nil {
			found.Sparse = sparseOf(file, st)
			unix.Close(file)
		}
		if scattered(found.Sparse, st) {
			found = &Found{Entry: entryAt(path)}
			found.Mode = modeOf(unix.DT_REG)
			found.freeze(errors.New("more regions with data than can be listed, too far apart"))
			return w.yield(found, nil)
		}
	}
	var err error
	if found.Xattrs, err = w.xattrs.read(fd, name, found.Device); err != nil {
		found.Warning = err
	}
	if st.Nlink > 1 {
		found.Link = w.links.first(path, st)
	}
	return w.yield(found, nil)
}
