package place

import (
	"context"
	"strings"
	"sync/atomic"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
)

// Directory is a directory of the slot, which may still have to be made.
type Directory struct {
	entry   *manifest.Entry
	at      string        // where it is on the server, once it is ready
	was     string        // where it was below data/
	ready   chan struct{} // closed when it is there, or err says why not
	err     error
	changed atomic.Bool
}

// NewDirectory is the directory of an entry; at is where it is on the server, "" if that is not known yet.
func NewDirectory(e *manifest.Entry, at string) *Directory {
	return &Directory{entry: e, at: at, ready: make(chan struct{})}
}

// Contains reports whether a path is below the directory.
func (d *Directory) Contains(path string) bool { return manifest.Below(path, d.entry.Path) }

// Present is where on the server something is that was at a path below data/, d being the directory around it or above.
func (d *Directory) Present(where string) string {
	return d.at + "/" + strings.TrimPrefix(strings.TrimPrefix(where, d.was), "/")
}

// Ready tells who waits that the directory is there, or why not.
func (d *Directory) Ready(err error) {
	d.err = err
	close(d.ready)
}

// wait returns when the directory is there.
func (d *Directory) wait(ctx context.Context) error {
	if d == nil {
		return nil
	}
	select {
	case <-d.ready:
		return d.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Item is an action with its place on the server.
type Item struct {
	plan.Action
	At   string     // where something stands, if Have is not None
	In   *Directory // the directory around it
	Self *Directory // of a directory
}

// target is where the item belongs, once the directory around it is ready.
func (i *Item) target() string { return i.In.at + "/" + i.Entry.StoredName() }

// StoredAt is the entry with the name that it has where it was put.
func (i *Item) StoredAt(at string) *manifest.Entry {
	name := manifest.Base(at)
	if name == i.Entry.StoredName() {
		return &i.Entry
	}
	e := i.Entry
	e.Stored = name
	return &e
}
