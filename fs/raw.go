package fs

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

const (
	// entryTTL is how long the kernel may keep what does not change unless Refresh says so.
	entryTTL = 24 * time.Hour
	// blockSize is the unit that programs should read in.
	blockSize = 128 << 10
)

// raw answers the kernel. Requests come side by side.
type raw struct {
	fuse.RawFileSystem // what is not answered here is "not implemented"

	c        Config
	view     *view.View
	ctx      context.Context // of the mount; ends when it is gone
	stop     context.CancelFunc
	grace    time.Duration // how long an interrupted read may still take
	dirs     handles[*openDir]
	files    handles[*openFile]
	limiters destinationLimiters
	opens    atomic.Uint64 // files that were opened
	noXattrs noXattrs
	activity *activity
}

// newRaw makes the file system without a kernel.
func newRaw(ctx context.Context, c Config) *raw {
	c = c.withDefaults()
	r := &raw{RawFileSystem: fuse.NewDefaultRawFileSystem(), c: c, grace: 2 * time.Second, activity: newActivity()}
	r.limiters.patience, r.limiters.now = patience, c.Now
	r.ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.view = view.New(view.Options{Nodes: c.Nodes, Cache: c.Cache, Owner: c.Owner, Accounts: c.Accounts, Status: c.Status, Now: c.Now})
	return r
}

// load reads the catalog into the view.
func (r *raw) load(ctx context.Context) (view.Changes, error) {
	snapshots, err := r.c.Catalog.Snapshots(ctx, "")
	if err != nil {
		return view.Changes{}, fmt.Errorf("read catalog: %w", err)
	}
	return r.view.Update(r.c.Destinations(), r.noXattrs.admit(snapshots)), nil
}

// String names the file system.
func (r *raw) String() string { return fsName }

// OnUnmount ends what still reads for a mount that is gone.
func (r *raw) OnUnmount() {
	r.stop()
	for _, f := range r.files.clear() {
		f.close(r)
	}
}

// panicked answers a request whose handler failed.
func (r *raw) panicked(value any) fuse.Status {
	r.c.Log.Error("request failed", "panic", fmt.Sprint(value), "stack", string(debug.Stack()))
	return fuse.EIO
}

// StatFs answers from memory: df must work with the network down. What the backups hold is used, and as much again is told
// to be free, although nothing can be written: a file system that is full all the time alarms every monitoring.
func (r *raw) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	bytes, entries := r.view.Totals()
	used := bytes / 4096
	*out = fuse.StatfsOut{Bsize: 4096, Frsize: 4096, Blocks: 2 * used, Bfree: used, Bavail: used,
		Files: 2 * entries, Ffree: entries, NameLen: 255}
	return fuse.OK
}

// fillAttr translates what stat tells.
func fillAttr(n *view.Node, out *fuse.Attr) {
	a := &n.Attr
	seconds, ns := uint64(a.MTime.Sec), uint32(a.MTime.Nsec)
	*out = fuse.Attr{
		Ino: a.Ino, Size: uint64(a.Size), Blocks: n.Blocks(), Mode: a.Mode, Nlink: a.Nlink,
		Atime: seconds, Mtime: seconds, Ctime: seconds,
		Atimensec: ns, Mtimensec: ns, Ctimensec: ns,
		Owner: fuse.Owner{Uid: a.UID, Gid: a.GID}, Blksize: blockSize,
	}
}

// fillEntry translates a name and what it stands for.
func fillEntry(n *view.Node, out *fuse.EntryOut) {
	out.NodeId, out.Generation = n.ID, n.Gen
	out.SetEntryTimeout(entryTTL)
	out.SetAttrTimeout(attrTimeout(n))
	fillAttr(n, &out.Attr)
}

// attrTimeout is how long attributes stay right.
func attrTimeout(n *view.Node) time.Duration {
	if n.Source == view.FromVolatile {
		return 0
	}
	return entryTTL
}

func isRegular(n *view.Node) bool { return n.Attr.Mode&backup.ModeType == backup.ModeRegular }
