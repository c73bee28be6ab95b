package index

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/tree"
)

// filled makes a closed index with a table in it and returns the table's path.
func filled(t *testing.T) (dir, table string) {
	t.Helper()
	dir = t.TempDir()
	x := open(t, dir)
	for i := range 300 {
		put(t, x, noise(i, 2000))
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*"+tableExt))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	return dir, tables[0]
}

func TestTableCutShortIsDamage(t *testing.T) {
	_, table := filled(t)
	info, err := os.Stat(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []int64{0, 3, 4, 100, info.Size() / 2, info.Size() - 1} {
		dir, table := filled(t)
		if err := os.Truncate(table, left); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes left: %v", left, err)
		}
	}
}

func TestMissingFilesAreDamage(t *testing.T) {
	dir, table := filled(t)
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("no table: %v", err)
	}
	for _, manifest := range []string{"", "Bdgr????????", "Bdgr\x00\x00\x00\x08", "Bdgr\x00\x00\x00\x08\x00\x00\x00\x10\x01\x02\x03\x04torn"} {
		dir, _ = filled(t)
		if err := os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("manifest %q: %v", manifest, err)
		}
	}
}

// TestFlippedBytesNeverGiveWrongNodes damages every part of a table in turn.
//
//check:without it takes seconds
func TestFlippedBytesNeverGiveWrongNodes(t *testing.T) {
	dir, table := filled(t)
	good, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	step := len(good) / 60
	for at := len(good) - 1; at >= 0; at -= step {
		if at < len(good)-400 && at > len(good)-2000 {
			step = len(good) / 60
		} else if at >= len(good)-400 {
			step = 7
		}
		bad := append([]byte(nil), good...)
		bad[at] ^= 0x41
		if err := os.WriteFile(table, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := Open(dir, Options{})
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				t.Errorf("byte %d: open: %v", at, err)
			}
			continue
		}
		for i := range 300 {
			_, err := x.Get(t.Context(), tree.Sum(noise(i, 2000)))
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("byte %d: get: %v", at, err)
			}
		}
		if err := x.db.Close(); err != nil {
			t.Logf("byte %d: close: %v", at, err)
		}
		x.Close()
		if err := os.WriteFile(table, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDiskIsToldAndOvercome runs on a file system of its own that is too small.
//
//check:without needs root
func TestFullDiskIsToldAndOvercome(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=130m"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	x := open(t, filepath.Join(dir, "index"))
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	blob := noise(1, 2000)
	h := put(t, x, blob)
	if err := x.PutSnapshot(t.Context(), snapshot("d", "k", 1)); !errors.Is(err, ErrFull) {
		t.Errorf("PutSnapshot: %v", err)
	}
	if _, err := x.Get(t.Context(), h); err != nil {
		t.Errorf("what could not be written yet: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := x.PutSnapshot(t.Context(), snapshot("d", "k", 1)); err != nil {
		t.Errorf("PutSnapshot with room: %v", err)
	}
	if _, err := open(t, image(t, x)).Get(t.Context(), h); err != nil {
		t.Errorf("node put while the disk was full: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filler, make([]byte, 110<<20), 0o600); err == nil || errors.Is(err, unix.ENOSPC) {
		if _, err := Open(filepath.Join(dir, "index"), Options{}); !errors.Is(err, ErrFull) {
			t.Errorf("Open: %v", err)
		}
	}
}
