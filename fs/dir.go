package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/fs/view"
)

// openDir is an open directory.
type openDir struct{ node view.Node }

// OpenDir keeps the directory's node at hand, so that listing it looks nothing up.
func (r *raw) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r.activity.begin()
	defer r.activity.end()
	n, err := r.view.Node(r.ctx, in.NodeId)
	if err != nil {
		return r.failed(in.NodeId, "", err)
	}
	if !n.IsDir() {
		return fuse.ENOTDIR
	}
	out.Fh = r.dirs.add(&openDir{node: n})
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_CACHE_DIR
	return fuse.OK
}

// ReleaseDir closes a directory.
func (r *raw) ReleaseDir(in *fuse.ReleaseIn) { r.dirs.remove(in.Fh) }

// A place in a listing: 0 is before ".", 1 before "..", and from 2 on it is 2 + the view's position.
const dots = 2

// ReadDir lists names only.
func (r *raw) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return r.list(in, func(e fuse.DirEntry, _ *view.Node) bool { return out.AddDirEntry(e) })
}

// ReadDirPlus lists names with all that a look-up would tell.
func (r *raw) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return r.list(in, func(e fuse.DirEntry, n *view.Node) bool {
		entry := out.AddDirLookupEntry(e)
		if entry == nil {
			return false
		}
		if n != nil {
			fillEntry(n, entry)
		}
		return true
	})
}

// list hands entries to add until it has no room. An error after the first entry is left for the next request, which
// meets it again.
func (r *raw) list(in *fuse.ReadIn, add func(fuse.DirEntry, *view.Node) bool) fuse.Status {
	r.activity.begin()
	defer r.activity.end()
	d, ok := r.dirs.get(in.Fh)
	if !ok {
		return fuse.EBADF
	}
	at, added := in.Offset, false
	for ; at < dots; at++ {
		name := []string{".", ".."}[at]
		if !add(fuse.DirEntry{Name: name, Mode: syscall.S_IFDIR, Ino: dotIno(&d.node, at), Off: at + 1}, nil) {
			return fuse.OK
		}
		added = true
	}
	for n, err := range r.view.List(r.ctx, &d.node, int(at-dots)) {
		if err != nil {
			if added {
				return fuse.OK
			}
			return r.failed(in.NodeId, "", err)
		}
		if !add(fuse.DirEntry{Name: n.Name, Mode: n.Attr.Mode, Ino: n.Attr.Ino, Off: uint64(n.Next) + dots}, n) {
			return fuse.OK
		}
		added = true
	}
	return fuse.OK
}

// dotIno is the inode number of "."; that of ".." is not known here, and programs ask stat for it.
func dotIno(n *view.Node, at uint64) uint64 {
	if at == 0 {
		return n.Attr.Ino
	}
	return 0
}
