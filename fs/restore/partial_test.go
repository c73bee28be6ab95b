package restore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// cut is a file of which only n bytes are there.
func cut(name, data string, n int) *item {
	return file(name, data).with(func(it *item) { it.data = data[:n] })
}

func TestTheBeginningOfACutFileIsKeptWhenAskedFor(t *testing.T) {
	dirs := dir("", file("a", "whole"), cut("b", "0123456789", 4), cut("c", "nothing of it", 0))
	to := t.TempDir()
	out := restored(t, dirs, Options{Place: place(t, to), Partial: true})
	if out.err != nil || out.Files != 1 || out.Failed != 2 || out.Partial != 1 || !errors.Is(out.failed["b"], errShort) {
		t.Fatalf("%+v, %v, %v", out.Summary, out.failed, out.err)
	}
	wantFiles(t, to, map[string]string{"a": "whole", "b.partial": "0123"})
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(to, "b.partial"), &st); err != nil || st.Mtim.Sec != 1_600_000_000 || st.Mode&0o777 != 0o640 {
		t.Errorf("%v, %+v", err, st)
	}
	again := restored(t, dirs, Options{Place: place(t, to), Partial: true})
	if again.Failed != 2 || again.Partial != 1 || again.Same != 1 {
		t.Errorf("again: %+v, %v", again.Summary, again.failed)
	}
	wantFiles(t, to, map[string]string{"a": "whole", "b.partial": "0123"})
}

func TestNothingOfACutFileIsKeptUnasked(t *testing.T) {
	to := t.TempDir()
	out := restored(t, dir("", cut("b", "0123456789", 4)), Options{Place: place(t, to)})
	if out.Failed != 1 || out.Partial != 0 || out.Any() {
		t.Fatalf("%+v", out.Summary)
	}
	wantFiles(t, to, map[string]string{})
}

func TestTheBeginningOfACutFileReplacesNothingUnasked(t *testing.T) {
	to := t.TempDir()
	if err := os.WriteFile(filepath.Join(to, "b.partial"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	top := dir("", cut("b", "0123456789", 4))
	out := restored(t, top, Options{Place: place(t, to), Partial: true})
	if out.Failed != 1 || out.Partial != 0 || !errors.Is(out.failed["b"], ErrExists) {
		t.Fatalf("%+v, %v", out.Summary, out.failed)
	}
	wantFiles(t, to, map[string]string{"b.partial": "mine"})
	if out = restored(t, top, Options{Place: place(t, to), Partial: true, Overwrite: true}); out.Partial != 1 {
		t.Fatalf("%+v, %v", out.Summary, out.failed)
	}
	wantFiles(t, to, map[string]string{"b.partial": "0123"})
}

func TestTheBeginningOfACutSparseFileKeepsItsHoles(t *testing.T) {
	to := t.TempDir()
	data := string(make([]byte, 1<<20)) + "0123456789"
	top := dir("", file("s", data).with(func(it *item) {
		it.Extents = []backup.Extent{{Offset: 1 << 20, Length: 10}}
		it.data = data[:1<<20+3]
	}))
	if out := restored(t, top, Options{Place: place(t, to), Partial: true}); out.Partial != 1 {
		t.Fatalf("%+v, %v", out.Summary, out.failed)
	}
	wantFiles(t, to, map[string]string{"s.partial": data[:1<<20+3]})
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(to, "s.partial"), &st); err != nil || st.Blocks*512 > 512<<10 {
		t.Errorf("%v, %d blocks", err, st.Blocks)
	}
}

// wantFiles checks that a directory has these files and nothing else.
func wantFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(want) {
		t.Errorf("%v, %v; want %d entries", entries, err, len(want))
	}
	for name, data := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != data {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(data))
		}
	}
}
