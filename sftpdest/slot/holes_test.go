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

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
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

// TestHugeHolesFitIntoAnArchive has a file whose holes nobody can compute a checksum of in a night, and two whose sizes add
// up to more than a number holds.
func TestHugeHolesFitIntoAnArchive(t *testing.T) {
	a := newAccount(t)
	mountTmpfs(t, a.root, 1<<20)
	a.sparse("first", 7<<60, 1<<50)
	a.sparse("second", 7<<60)
	o, server := options(1), newMemory()
	o.Mode = manifest.Compressed
	if sum := a.mustRun(server, o); sum.Bytes != math.MaxInt64 || sum.UploadedBytes > 1<<20 {
		t.Errorf("%+v", sum)
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
