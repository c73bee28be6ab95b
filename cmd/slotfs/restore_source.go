package main

import (
	"context"

	"slotfs/cmd/internal/browse"
	"slotfs/cmd/internal/restore"
)

// restorer shows what can be restored, with or without a mount.
type restorer struct{ *browser }

var _ restore.Source = restorer{}

const (
	// archiveWindow keeps reads so close to each other that they are seen as one stream.
	archiveWindow = 1 << 20
	archiveFiles  = 4
	// In trees every file costs round trips of its own.
	treeWindow = 32 << 20
	treeFiles  = 16
)

// find finds a path. A link at its end is shown as such, unless it stands above the snapshots.
func (b restorer) find(ctx context.Context, p string) (restore.Entry, error) {
	way, err := browse.Walk(ctx, b.tree, p, false)
	if err == nil && way[len(way)-1].Snapshot == nil && way[len(way)-1].IsLink() {
		way, err = browse.Walk(ctx, b.tree, p, true)
	}
	if err != nil {
		return restore.Entry{}, explain("restore", p, err)
	}
	return entryOf(&way[len(way)-1]), nil
}

// window is how many bytes at e may be on their way, and how many files are written side by side.
func (b restorer) window(e *restore.Entry) (bytes int64, files int) {
	if s := e.Handle.(*browse.Node).Snapshot; s != nil && s.InPieces() {
		return treeWindow, treeFiles
	}
	return archiveWindow, archiveFiles
}

// entryOf is a node as it is restored.
func entryOf(n *browse.Node) restore.Entry {
	own := *n
	e := restore.Entry{Name: n.Name, Mode: n.Attr.Mode, UID: n.Attr.UID, GID: n.Attr.GID, Size: n.Attr.Size, MTime: n.Attr.MTime,
		Target: n.Target, Xattrs: n.Xattrs, Extents: n.Extents, Handle: &own}
	if n.Attr.Nlink > 1 && !n.IsDir() {
		e.Link = n.Attr.Ino
	}
	return e
}

// List implements restore.Source.
func (b restorer) List(ctx context.Context, dir *restore.Entry, yield func(*restore.Entry) error) error {
	return b.tree.List(ctx, dir.Handle.(*browse.Node).ID, func(n *browse.Node) error {
		e := entryOf(n)
		return yield(&e)
	})
}

// Open implements restore.Source.
func (b restorer) Open(ctx context.Context, e *restore.Entry) (restore.File, error) {
	return b.tree.Open(ctx, e.Handle.(*browse.Node))
}
