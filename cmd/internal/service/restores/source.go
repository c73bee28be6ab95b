package restores

import (
	"cmp"
	"context"

	"slotfs/cmd/internal/service/browse"
	"slotfs/fs/restore"
)

// shown is what can be restored.
type shown struct {
	tree   browse.Tree
	owners *ownerMap
	op     string // what is done with it, for messages
}

// handle is a node with the snapshot that it is in; nil above the snapshots.
type handle struct {
	*browse.Node
	in *browse.Snapshot
}

var _ restore.Source = shown{}

const (
	// archiveWindow keeps reads so close to each other that they are seen as one stream.
	archiveWindow = 1 << 20
	archiveFiles  = 4
	// In trees every file costs round trips of its own.
	treeWindow = 32 << 20
	treeFiles  = 16
)

// Source is what can be restored of a tree: with the owners that it has here.
type Source struct{ shown }

// NewSource is the source of all that a tree shows.
func NewSource(t browse.Tree) Source { return Source{shown{t, newOwnerMap(false), "restore"}} }

// NewExportSource is NewSource for exports; numeric leaves owners the numbers of the backup.
func NewExportSource(t browse.Tree, numeric bool) Source {
	return Source{shown{t, newOwnerMap(numeric), "export"}}
}

// Find finds a path. A link at its end is shown as such.
func (s Source) Find(ctx context.Context, p string) (restore.Entry, error) { return s.find(ctx, p) }

// Window is how many bytes at e may be on their way, and how many files are written side by side.
func (s Source) Window(e *restore.Entry) (bytes int64, files int) { return s.window(e) }

// find finds a path. A link at its end is shown as such, unless it stands above the snapshots.
func (b shown) find(ctx context.Context, p string) (restore.Entry, error) {
	_, e, err := b.Resolve(ctx, p)
	return e, err
}

// Resolve is find, and tells the path without links.
func (b shown) Resolve(ctx context.Context, p string) (string, restore.Entry, error) {
	way, err := browse.Walk(ctx, b.tree, p, false)
	if err == nil && way[len(way)-1].Snapshot == nil && way[len(way)-1].IsLink() {
		way, err = browse.Walk(ctx, b.tree, p, true)
	}
	if err != nil {
		return "", restore.Entry{}, browse.Explain(b.op, p, err)
	}
	n := &way[len(way)-1]
	return browse.Path(way), b.entry(n, n.Snapshot), nil
}

// Node is the node that e was made of, and the snapshot that it is in; nil above the snapshots.
func (b shown) Node(e *restore.Entry) (*browse.Node, *browse.Snapshot) {
	h := e.Handle.(handle)
	return h.Node, h.in
}

// window is how many bytes at e may be on their way, and how many files are written side by side.
func (b shown) window(e *restore.Entry) (bytes int64, files int) {
	if s := e.Handle.(handle).in; s != nil && s.InPieces() {
		return treeWindow, treeFiles
	}
	return archiveWindow, archiveFiles
}

// entry is a node as it is restored.
func (b shown) entry(n *browse.Node, in *browse.Snapshot) restore.Entry {
	own := *n
	e := restore.Entry{Name: n.Name, Mode: n.Attr.Mode, UID: n.Attr.UID, GID: n.Attr.GID, Size: n.Attr.Size, MTime: n.Attr.MTime,
		Target: n.Target, Xattrs: n.Xattrs, Extents: n.Extents, Handle: handle{&own, in}}
	if n.Attr.Nlink > 1 && !n.IsDir() {
		e.Link = n.Attr.Ino
	}
	b.owners.apply(&e, n, in)
	return e
}

// List implements restore.Source.
func (b shown) List(ctx context.Context, dir *restore.Entry, yield func(*restore.Entry) error) error {
	top := dir.Handle.(handle)
	return b.tree.List(ctx, top.ID, func(n *browse.Node) error {
		e := b.entry(n, cmp.Or(n.Snapshot, top.in))
		return yield(&e)
	})
}

// Open implements restore.Source.
func (b shown) Open(ctx context.Context, e *restore.Entry) (restore.File, error) {
	return b.tree.Open(ctx, e.Handle.(handle).Node)
}
