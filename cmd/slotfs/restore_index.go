package main

import (
	"bytes"
	"context"
	"io"
	"path"

	"slotfs/cmd/internal/restore"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// restorer shows what can be restored, with or without a mount.
type restorer interface {
	restore.Source
	io.Closer
	// find finds a path. A link at its end is shown as such, unless it stands above the snapshots.
	find(ctx context.Context, path string) (restore.Entry, error)
	// window is how many bytes at a path may be on their way, and how many files are written side by side.
	window(e *restore.Entry) (bytes int64, files int)
}

const (
	// archiveWindow keeps reads so close to each other that they are seen as one stream.
	archiveWindow = 1 << 20
	archiveFiles  = 4
	// In trees every file costs round trips of its own.
	treeWindow = 32 << 20
	treeFiles  = 16
)

// indexRestorer restores from the index and the destinations.
type indexRestorer struct{ *indexBrowser }

var _ restorer = indexRestorer{}

func (b indexRestorer) find(ctx context.Context, p string) (restore.Entry, error) {
	n, err := b.indexBrowser.find(ctx, path.Dir("/"+p))
	if err == nil && p != "" {
		if !n.IsDir() {
			n, err = b.indexBrowser.find(ctx, p) // which tells what is wrong
		} else {
			n, err = b.view.Lookup(ctx, n.ID, path.Base(p))
		}
	}
	if err == nil && n.Snapshot == nil && n.Target != "" {
		n, err = b.indexBrowser.find(ctx, p)
	}
	if err != nil {
		return restore.Entry{}, explain("restore", p, err)
	}
	return entryOf(&n), nil
}

func (b indexRestorer) window(e *restore.Entry) (int64, int) {
	s := e.Handle.(*view.Node).Snapshot
	if s != nil && (s.Kind == backup.Tree || s.Kind == backup.Slot) {
		return treeWindow, treeFiles
	}
	return archiveWindow, archiveFiles
}

// entryOf is a node as it is restored. The node is kept.
func entryOf(n *view.Node) restore.Entry {
	own := *n
	e := restore.Entry{Name: n.Name, Mode: n.Attr.Mode, UID: n.Attr.UID, GID: n.Attr.GID, Size: n.Attr.Size, MTime: n.Attr.MTime,
		Target: n.Target, Xattrs: n.Xattrs, Handle: &own}
	if n.Attr.Nlink > 1 && !n.IsDir() {
		e.Link = n.Attr.Ino
	}
	if n.Source == view.FromTree {
		e.Extents = n.Item.Sparse
	}
	return e
}

// List lists a folder of the view.
func (b indexRestorer) List(ctx context.Context, dir *restore.Entry, yield func(*restore.Entry) error) error {
	for n, err := range b.view.List(ctx, dir.Handle.(*view.Node), 0) {
		if err != nil {
			return err
		}
		e := entryOf(n)
		if err := yield(&e); err != nil {
			return err
		}
	}
	return nil
}

// Open opens a file of a snapshot, or one that was made for the view.
func (b indexRestorer) Open(ctx context.Context, e *restore.Entry) (restore.File, error) {
	n := e.Handle.(*view.Node)
	c := shownContent{b.remotes, ""}
	switch n.Source {
	case view.FromData, view.FromMoment:
		return inMemory{bytes.NewReader(n.Data)}, nil
	case view.FromOriginal:
		c.name = n.Snapshot.Destination
		return c.OpenOriginal(ctx, n.Snapshot, n.Piece)
	}
	c.name = n.Snapshot.Destination
	return c.Open(ctx, n.Snapshot, n.Tree, n.Item)
}

// inMemory is a file that needs no reading.
type inMemory struct{ io.ReaderAt }

// ReadAt reads from memory.
func (f inMemory) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return f.ReaderAt.ReadAt(p, off)
}

// Close has nothing to do.
func (f inMemory) Close() error { return nil }
