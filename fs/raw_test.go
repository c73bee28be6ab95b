package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// kernel asks a file system without a kernel.
type kernel struct {
	t testing.TB
	r *raw
}

func newKernel(t testing.TB, c Config) *kernel {
	r := newRaw(t.Context(), c)
	t.Cleanup(r.OnUnmount)
	if _, err := r.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &kernel{t, r}
}

// walk looks a path up.
func (k *kernel) walk(path string) fuse.EntryOut {
	k.t.Helper()
	var out fuse.EntryOut
	out.NodeId = fuse.FUSE_ROOT_ID
	for _, name := range strings.Split(path, "/") {
		in := fuse.InHeader{NodeId: out.NodeId}
		if status := k.r.Lookup(nil, &in, name, &out); status != fuse.OK || out.NodeId == 0 {
			k.t.Fatalf("look up %s of %s: %v", name, path, status)
		}
	}
	return out
}

func (k *kernel) open(path string) (node, fh uint64) {
	k.t.Helper()
	node = k.walk(path).NodeId
	var out fuse.OpenOut
	if status := k.r.Open(nil, &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: node}}, &out); status != fuse.OK {
		k.t.Fatalf("open %s: %v", path, status)
	}
	return node, out.Fh
}

func (k *kernel) read(node, fh uint64, off, size int, cancel chan struct{}) (string, fuse.Status) {
	buf := make([]byte, size)
	in := fuse.ReadIn{InHeader: fuse.InHeader{NodeId: node}, Fh: fh, Offset: uint64(off), Size: uint32(size)}
	result, status := k.r.Read(cancel, &in, buf)
	if status != fuse.OK {
		return "", status
	}
	data, status := result.Bytes(buf)
	return string(data), status
}

// scripted is content that answers as a test says.
type scripted func(ctx context.Context, p []byte, off int64) (int, error)

func (s scripted) Open(context.Context, *backup.Snapshot, *tree.Tree, tree.Item) (File, error) {
	return s, nil
}
func (s scripted) OpenOriginal(context.Context, *backup.Snapshot, int) (File, error) { return s, nil }
func (s scripted) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return s(ctx, p, off)
}
func (s scripted) Close() error            { return nil }
func (s scripted) Deadline() time.Duration { return time.Hour }

// hasty is content that has to answer within a deadline.
type hasty struct {
	scripted
	deadline time.Duration
}

func (h hasty) Deadline() time.Duration { return h.deadline }

func withContent(w *fstest.World, s scripted) Config {
	c := config(w)
	c.Content = func(string) Content { return s }
	return c
}

func oneFile(t testing.TB) *fstest.World {
	w := fstest.NewWorld()
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.File("f", "0123456789"))
	return w
}

const oneFilePath = "box/accounts/alice/2026-01-05/full/f"

func TestErrorsOfContentBecomeTheRightErrno(t *testing.T) {
	for _, c := range []struct {
		err  error
		want fuse.Status
	}{
		{fmt.Errorf("read x: %w", backup.ErrStale), fuse.Status(syscall.ESTALE)},
		{fmt.Errorf("read x: %w", backup.ErrCorrupt), fuse.EIO},
		{fmt.Errorf("read x: %w", iofs.ErrNotExist), fuse.Status(syscall.ESTALE)},
		{fmt.Errorf("read x: %w", iofs.ErrPermission), fuse.EACCES},
		{errors.New("connection lost"), fuse.EIO},
		{nil, fuse.EIO}, // less than the index says
	} {
		k := newKernel(t, withContent(oneFile(t), func(_ context.Context, p []byte, _ int64) (int, error) {
			return len(p) / 2, c.err
		}))
		node, fh := k.open(oneFilePath)
		for range 3 {
			if _, got := k.read(node, fh, 0, 4096, nil); got != c.want {
				t.Errorf("%v: %v, want %v", c.err, got, c.want)
			}
		}
		meta := k.walk(".slotfs/errors.log")
		log, err := k.r.view.Node(t.Context(), meta.NodeId)
		if err != nil || strings.Count(string(log.Data), "\n") != 1 || !strings.Contains(string(log.Data), oneFilePath) {
			t.Errorf("errors.log: %q, %v", log.Data, err)
		}
	}
}

func TestReadsAreCutAtTheEnd(t *testing.T) {
	w := oneFile(t)
	k := newKernel(t, config(w))
	node, fh := k.open(oneFilePath)
	for _, c := range []struct {
		off, size int
		want      string
	}{{0, 4096, "0123456789"}, {8, 4096, "89"}, {3, 2, "34"}, {10, 5, ""}, {1 << 40, 5, ""}} {
		if got, status := k.read(node, fh, c.off, c.size, nil); got != c.want || status != fuse.OK {
			t.Errorf("%d+%d: %q, %v", c.off, c.size, got, status)
		}
	}
	k.r.Release(nil, &fuse.ReleaseIn{Fh: fh})
	if _, status := k.read(node, fh, 0, 1, nil); status != fuse.EBADF {
		t.Errorf("read after release: %v", status)
	}
	if n := k.r.files.len(); n != 0 {
		t.Errorf("%d files left open", n)
	}
}

func TestAReadThatGetsNoAnswerEnds(t *testing.T) {
	hang := func(ctx context.Context, _ []byte, _ int64) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	content := &hasty{hang, 10 * time.Millisecond}
	c := config(oneFile(t))
	c.Content = func(string) Content { return content }
	k := newKernel(t, c)
	node, fh := k.open(oneFilePath)
	if _, status := k.read(node, fh, 0, 10, nil); status != fuse.EIO {
		t.Errorf("deadline: %v", status)
	}
	content.deadline, k.r.grace = time.Hour, 10*time.Millisecond
	node, fh = k.open(oneFilePath)
	cancel := make(chan struct{})
	close(cancel)
	if _, status := k.read(node, fh, 0, 10, cancel); status != fuse.EINTR {
		t.Errorf("interrupt: %v", status)
	}
}

func TestAnInterruptLeavesTimeForTheAnswer(t *testing.T) {
	cancel := make(chan struct{})
	k := newKernel(t, withContent(oneFile(t), func(_ context.Context, p []byte, _ int64) (int, error) {
		close(cancel)
		return copy(p, "0123456789"), nil
	}))
	node, fh := k.open(oneFilePath)
	if got, status := k.read(node, fh, 0, 10, cancel); status != fuse.OK || got != "0123456789" {
		t.Errorf("%q, %v", got, status)
	}
}

func TestNodesOfASnapshotThatWentAreStale(t *testing.T) {
	w := oneFile(t)
	k := newKernel(t, config(w))
	file, dir := k.walk(oneFilePath), k.walk("box/accounts/alice/2026-01-05/full")
	w.Remove(1)
	if _, err := k.r.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	stale := fuse.Status(syscall.ESTALE)
	var attr fuse.AttrOut
	if got := k.r.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: file.NodeId}}, &attr); got != stale {
		t.Errorf("stat: %v", got)
	}
	var entry fuse.EntryOut
	if got := k.r.Lookup(nil, &fuse.InHeader{NodeId: dir.NodeId}, "f", &entry); got != stale {
		t.Errorf("look-up: %v", got)
	}
	var open fuse.OpenOut
	if got := k.r.OpenDir(nil, &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: dir.NodeId}}, &open); got != stale {
		t.Errorf("open: %v", got)
	}
}

func TestAbsenceMayBeKept(t *testing.T) {
	k := newKernel(t, config(oneFile(t)))
	dir := k.walk("box/accounts/alice/2026-01-05/full")
	var out fuse.EntryOut
	if got := k.r.Lookup(nil, &fuse.InHeader{NodeId: dir.NodeId}, "none", &out); got != fuse.OK || out.NodeId != 0 || out.EntryTimeout() < time.Hour {
		t.Errorf("%v, node %d for %v", got, out.NodeId, out.EntryTimeout())
	}
}

func TestADamagedIndexIsEIO(t *testing.T) {
	w := fstest.NewWorld()
	s := w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.Dir("d"), fstest.File("d/f", "x"), fstest.File("d/g", "x"))
	k := newKernel(t, config(w))
	k.walk("box/accounts/alice/2026-01-05/snapshot.json")
	for _, h := range w.Store.Hashes() {
		w.Store.Drop(h)
	}
	k = newKernel(t, config(w))
	dir := k.walk("box/accounts/alice/2026-01-05")
	var out fuse.EntryOut
	if got := k.r.Lookup(nil, &fuse.InHeader{NodeId: dir.NodeId}, "full", &out); got != fuse.EIO {
		t.Errorf("%v of serial %d", got, s.Serial)
	}
}

func TestAPanicIsEIO(t *testing.T) {
	if got := newRaw(t.Context(), config(oneFile(t))).panicked("boom"); got != fuse.EIO {
		t.Error(got)
	}
}

func TestXattrSizes(t *testing.T) {
	w := fstest.NewWorld()
	f := fstest.File("f", "x")
	f.Xattrs = []backup.Xattr{{Name: "user.a", Value: "12345"}, {Name: "user.empty"}}
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, f)
	k := newKernel(t, config(w))
	in := &fuse.InHeader{NodeId: k.walk(oneFilePath).NodeId}
	for _, c := range []struct {
		name string
		room int
		size uint32
		want fuse.Status
	}{{"user.a", 0, 5, fuse.ERANGE}, {"user.a", 4, 5, fuse.ERANGE}, {"user.a", 5, 5, fuse.OK}, {"user.a", 9, 5, fuse.OK},
		{"user.empty", 0, 0, fuse.OK}, {"user.none", 9, 0, fuse.ENODATA}} {
		if size, got := k.r.GetXAttr(nil, in, c.name, make([]byte, c.room)); size != c.size || got != c.want {
			t.Errorf("%s into %d: %d, %v", c.name, c.room, size, got)
		}
	}
	buf := make([]byte, 64)
	if n, got := k.r.ListXAttr(nil, in, buf); got != fuse.OK || string(buf[:n]) != "user.a\x00user.empty\x00" {
		t.Errorf("%q, %v", buf[:n], got)
	}
}

func TestSeekFindsDataAndHoles(t *testing.T) {
	file := func(size int64, extents ...backup.Extent) *view.Node {
		n := &view.Node{Attr: view.Attr{Size: size}}
		n.Item.Sparse = extents
		return n
	}
	holes := file(100, backup.Extent{Offset: 10, Length: 10}, backup.Extent{Offset: 20, Length: 5}, backup.Extent{Offset: 90, Length: 10})
	for _, c := range []struct {
		n          *view.Node
		off        int64
		data, hole int64 // -1: none
	}{
		{holes, 0, 10, 0}, {holes, 10, 10, 25}, {holes, 19, 19, 25}, {holes, 20, 20, 25}, {holes, 25, 90, 25}, {holes, 95, 95, 100},
		{holes, 100, -1, -1}, {file(50), 7, 7, 50}, {file(0), 0, -1, -1}, {file(50, backup.Extent{Offset: 50}), 0, -1, 0},
	} {
		for whence, want := range map[uint32]int64{seekData: c.data, seekHole: c.hole} {
			got, ok := seek(c.n, c.off, whence)
			if !ok {
				got = -1
			}
			if got != want {
				t.Errorf("size %d from %d whence %d: %d, want %d", c.n.Attr.Size, c.off, whence, got, want)
			}
		}
	}
}

func TestTimesBefore1970(t *testing.T) {
	var a fuse.Attr
	fillAttr(&view.Node{Attr: view.Attr{MTime: backup.Nanoseconds(-1)}}, &a)
	if int64(a.Mtime) != -1 || a.Mtimensec != 999999999 {
		t.Errorf("%d.%09d", int64(a.Mtime), a.Mtimensec)
	}
}
