package slot

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
)

// sparse makes a file of an account that has data at some places.
func (a *account) sparse(p string, size int64, at ...int64) {
	a.t.Helper()
	f, err := os.Create(a.path(p))
	a.check(err)
	for _, off := range at {
		_, err := f.WriteAt([]byte(strings.Repeat("data", 1024)), off)
		a.check(err)
	}
	a.check(errors.Join(f.Truncate(size), f.Sync(), f.Close(), os.Chtimes(a.path(p), when(1), when(1))))
}

// TestHolesAreNeitherSentNorCopied runs an account with a sparse file into three slots.
func TestHolesAreNeitherSentNorCopied(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.sparse("disk.img", 6<<20, 0, 2<<20, 5<<20)
	a.sparse("empty.img", 3<<20)
	want, err := os.ReadFile(a.path("disk.img"))
	a.check(err)
	for run := 1; run <= 3; run++ {
		sum := a.mustRun(server, options(3))
		server.now += 3600
		if data := int64(3 * 4096); sum.UploadedBytes > 3*data || run == 2 && (sum.Copied != 2 || server.ranged != data) {
			t.Errorf("run %d: %d bytes sent, %d files and %d bytes copied", run, sum.UploadedBytes, sum.Copied, server.ranged)
		}
		n, err := server.find("job/alice/slot-0" + string(rune('0'+run)) + "/data/disk.img")
		if err != nil || !bytes.Equal(n.data, want) {
			t.Errorf("run %d: the copy differs: %v", run, err)
		}
		if n, err := server.find("job/alice/slot-0" + string(rune('0'+run)) + "/data/empty.img"); err != nil || len(n.data) != 3<<20 {
			t.Errorf("run %d: nothing but a hole has %v, %v", run, n, err)
		}
	}
}

// TestAFileThatEndsWithAHoleNeedsNoLengthToBeSet has a server that refuses to set one.
func TestAFileThatEndsWithAHoleNeedsNoLengthToBeSet(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.sparse("hole", 3<<20, 0)
	a.file("zeros", strings.Repeat("x", 1<<20)+string(make([]byte, 1<<20)), 1)
	a.mustRun(lengthless{server}, options(1))
	for name, size := range map[string]int{"hole": 3 << 20, "zeros": 2 << 20} {
		if n, err := server.find("job/alice/slot-01/data/" + name); err != nil || len(n.data) != size {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// lengthless is a server that sets no lengths.
type lengthless struct{ *memory }

func (l lengthless) SetAttributes(ctx context.Context, path string, a dest.Attributes) error {
	if a.Size != nil {
		return errors.ErrUnsupported
	}
	return l.memory.SetAttributes(ctx, path, a)
}

// TestHugeHolesAreNotHashed has a file whose holes nobody can compute a checksum of in a night, and two whose sizes add
// up to more than a number holds.
func TestHugeHolesAreNotHashed(t *testing.T) {
	a := newAccount(t)
	mountTmpfs(t, a.root, 1<<20)
	a.sparse("first", 7<<60, 1<<50)
	a.sparse("second", 7<<60)
	src, err := source.Open(a.root, source.Options{})
	a.check(err)
	defer src.Close()
	for found, err := range src.Walk(t.Context()) {
		a.check(err)
		if found.IsDir() {
			continue
		}
		if budget := (holeBudget{}); budget.take(&found.Entry) {
			t.Errorf("%s is to be hashed: %v", found.Path, found.Sparse)
		}
		f, err := src.OpenFile(found.Path, &found.Entry)
		a.check(err)
		h := holes{file: f}
		if end, err := h.until(0, found.Size); err != nil || end != map[string]int64{"first": 1 << 50, "second": 7 << 60}[found.Path] {
			t.Errorf("%s: a hole to %d, %v", found.Path, end, err)
		}
		a.check(f.Close())
	}
	o, server := options(1), newMemory()
	o.Mode = manifest.Compressed
	if sum := a.mustRun(server, o); sum.Bytes != math.MaxInt64 || sum.UploadedBytes > 1<<20 {
		t.Errorf("%+v", sum)
	}
}

func TestOneRunHashesSoManyHoles(t *testing.T) {
	var b holeBudget
	file := func(size int64, data ...backup.Extent) *manifest.Entry {
		return &manifest.Entry{Entry: backup.Entry{Size: size, Sparse: data}}
	}
	for i, c := range []struct {
		e    *manifest.Entry
		want bool
	}{
		{file(1 << 60), true}, // no holes
		{file(mostHoles+1, backup.Extent{}), false},
		{file(mostHoles/2, backup.Extent{Length: 4096}), true},
		{file(mostHoles/2, backup.Extent{}), true},
		{file(mostHoles/2, backup.Extent{}), false},
		{file(fewHoles, backup.Extent{}), true},
		{file(1<<60, backup.Extent{Length: 1<<60 - fewHoles}), true},
	} {
		if got := b.take(c.e); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
	if progress.AddCapped(math.MaxInt64-1, 2) != math.MaxInt64 || progress.AddCapped(1, 2) != 3 {
		t.Error("sums are wrong")
	}
}

// TestSparseFileThatBecomesShorterIsReadAgain cuts a file inside a hole while it is read.
func TestSparseFileThatBecomesShorterIsReadAgain(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.sparse("f", 6<<20, 0, 4<<20)
	cut := false
	server.hear = func(op, p string) error {
		if !cut && op == "write" && strings.Contains(p, "/tmp/") {
			cut = true
			return os.Truncate(filepath.Join(a.root, "f"), 2<<20)
		}
		return nil
	}
	a.mustRun(server, options(1))
	if n, err := server.find("job/alice/slot-01/data/f"); err != nil || len(n.data) != 2<<20 || !cut {
		t.Errorf("cut %v: %v", cut, err)
	}
}
