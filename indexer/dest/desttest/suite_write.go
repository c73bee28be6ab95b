package desttest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// WriterMaker makes a destination that can be changed, whose directory is the local directory root.
type WriterMaker func(t testing.TB, root string) dest.ReadWriter

// NoReplace says that the server cannot replace a file by renaming.
const NoReplace Trait = 2

// WriteSuite holds a destination to the contract of dest.Writer.
func WriteSuite(t *testing.T, make WriterMaker, traits ...Trait) {
	replaces := true
	for _, trait := range traits {
		replaces = replaces && trait != NoReplace
	}
	tests := []struct {
		name string
		run  func(*testing.T, *writeBench)
	}{
		{"WriteAt", testWriteAt},
		{"CreateIsExclusive", testExclusive},
		{"AppendDisturbsNothing", testAppend},
		{"Attributes", testAttributes},
		{"Directories", testDirectories},
		{"NotThere", testWriteNotExist},
		{"PathsThatLeadOutsideAreRefused", testWriteOutside},
		{"CancelledCallsReturn", testWriteCancel},
		{"Put", testPut},
		{"Copy", testCopy},
		{"CopyRanges", testCopyRanges},
		{"Links", testWriteLinks},
		{"SyncDirAndSpace", testSyncDir},
		{"SyncDirAttributes", testSettleDir},
	}
	if !replaces {
		tests = append(tests, struct {
			name string
			run  func(*testing.T, *writeBench)
		}{"RenameReplacesNothing", testReplaceNothing})
	} else {
		tests = append(tests, []struct {
			name string
			run  func(*testing.T, *writeBench)
		}{{"RenameReplaces", testReplace}, {"InstallReplaces", testInstall}}...)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, newWriteBench(t, make))
		})
	}
}

type writeBench struct {
	root string
	d    dest.ReadWriter
}

func newWriteBench(t *testing.T, make WriterMaker) *writeBench {
	root, err := os.MkdirTemp("", "desttest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o777); err != nil { // whoever the server runs as writes there
		t.Fatal(err)
	}
	b := &writeBench{root: root, d: make(t, root)}
	t.Cleanup(func() { b.d.Close() })
	return b
}

func (b *writeBench) create(t *testing.T, name string, how dest.Create) dest.WriteFile {
	t.Helper()
	o, err := b.d.Create(t.Context(), name, how)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (b *writeBench) put(t *testing.T, name string, how dest.Create, off int64, p []byte) {
	t.Helper()
	o := b.create(t, name, how)
	if n, err := o.WriteAt(t.Context(), p, off); n != len(p) || err != nil {
		t.Errorf("WriteAt %s: %d, %v", name, n, err)
	}
	if err := o.Close(t.Context()); err != nil {
		t.Errorf("Close %s: %v", name, err)
	}
}

func (b *writeBench) has(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(b.root, name))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, %v, want %d", name, len(got), err, len(want))
	}
}

func testWriteAt(t *testing.T, b *writeBench) {
	content := Content(3<<20 + 17)
	o := b.create(t, "file", dest.Create{})
	var wg sync.WaitGroup
	for off := 0; off < len(content); off += 1 << 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			p := content[off:min(off+1<<20, len(content))]
			if n, err := o.WriteAt(t.Context(), p, int64(off)); n != len(p) || err != nil {
				t.Errorf("WriteAt %d: %d, %v", off, n, err)
			}
		}()
	}
	wg.Wait()
	if err := o.Sync(t.Context()); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Sync: %v", err)
	}
	if err := o.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	b.has(t, "file", content)
	if err := o.Close(t.Context()); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if info, err := b.d.Stat(t.Context(), "file"); err != nil || info.Mode&0o777 != 0o600 {
		t.Errorf("made with %o, %v", info.Mode, err)
	}
}

func testExclusive(t *testing.T, b *writeBench) {
	b.put(t, "file", dest.Create{Permissions: 0o640}, 0, []byte("old content"))
	if _, err := b.d.Create(t.Context(), "file", dest.Create{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was made twice: %v, want fs.ErrExist", err)
	}
	b.has(t, "file", []byte("old content"))
	b.put(t, "file", dest.Create{Existing: true}, 0, []byte("new"))
	b.has(t, "file", []byte("new content"))
}

func testAppend(t *testing.T, b *writeBench) {
	line := func(c string) []byte { return []byte(strings.Repeat(c, 500) + "\n") }
	b.put(t, "file", dest.Create{Append: true, Existing: true}, 0, line("a"))
	b.put(t, "file", dest.Create{Append: true, Existing: true}, 501, line("b"))
	b.has(t, "file", append(line("a"), line("b")...))
}

func testAttributes(t *testing.T, b *writeBench) {
	b.put(t, "file", dest.Create{}, 0, []byte("0123456789"))
	mode, size, when := uint32(0o751), int64(4), int64(1_000_000_000)
	for _, a := range []dest.Attributes{{Size: &size}, {Permissions: &mode}, {MTime: &when}} {
		if err := b.d.SetAttributes(t.Context(), "file", a); err != nil {
			t.Errorf("SetAttributes %+v: %v", a, err)
		}
	}
	info, err := b.d.Stat(t.Context(), "file")
	if err != nil || info.Mode != backup.ModeRegular|0o751 || info.Size != 4 || info.MTime != when {
		t.Errorf("%+v, %v", info, err)
	}
	b.has(t, "file", []byte("0123"))
}

func testDirectories(t *testing.T, b *writeBench) {
	if err := b.d.Mkdir(t.Context(), "dir", 0o700); err != nil {
		t.Fatal(err)
	}
	mode := uint32(0o700)
	if err := b.d.SetAttributes(t.Context(), "dir", dest.Attributes{Permissions: &mode}); err != nil {
		t.Error(err)
	}
	if info, err := b.d.Stat(t.Context(), "dir"); err != nil || info.Mode != backup.ModeDir|0o700 {
		t.Errorf("%+v, %v", info, err)
	}
	if err := b.d.Mkdir(t.Context(), "dir", 0o700); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Mkdir again: %v, want fs.ErrExist", err)
	}
	b.put(t, "dir/file", dest.Create{}, 0, []byte("x"))
	if err := b.d.RemoveDir(t.Context(), "dir"); err == nil {
		t.Error("a directory with a file in it was removed")
	}
	if err := b.d.Remove(t.Context(), "dir"); err == nil {
		t.Error("a directory was removed as a file")
	}
	if err := b.d.Remove(t.Context(), "dir/file"); err != nil {
		t.Error(err)
	}
	if err := b.d.RemoveDir(t.Context(), "dir"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(b.root, "dir")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is there: %v", err)
	}
}

func testReplace(t *testing.T, b *writeBench) {
	b.put(t, "new", dest.Create{}, 0, []byte("new"))
	b.put(t, "old", dest.Create{}, 0, []byte("old"))
	if err := b.d.Rename(t.Context(), "new", "old"); err != nil {
		t.Fatal(err)
	}
	b.has(t, "old", []byte("new"))
	if _, err := os.Stat(filepath.Join(b.root, "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old name is there: %v", err)
	}
}

// testReplaceNothing: a server that cannot replace says so, and moves to a name that is free.
func testReplaceNothing(t *testing.T, b *writeBench) {
	b.put(t, "new", dest.Create{}, 0, []byte("new"))
	b.put(t, "old", dest.Create{}, 0, []byte("old"))
	rename := map[string]func(to string) error{"Rename": func(to string) error { return b.d.Rename(t.Context(), "new", to) }}
	if in, ok := b.d.(dest.DurableRenamer); ok {
		rename["Install"] = func(to string) error {
			_, err := in.Install(t.Context(), "new", to)
			return err
		}
	}
	for name, to := range rename {
		if err := to("old"); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s over a file: %v, want errors.ErrUnsupported", name, err)
		}
		b.has(t, "new", []byte("new"))
		b.has(t, "old", []byte("old"))
		if err := to("free " + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b.has(t, "free "+name, []byte("new"))
		b.put(t, "new", dest.Create{}, 0, []byte("new"))
	}
	if err := b.d.Rename(t.Context(), "missing", "old"); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a missing file: %v", err)
	}
}

func testWriteNotExist(t *testing.T, b *writeBench) {
	_, err := b.d.Create(t.Context(), "no/file", dest.Create{})
	mode := uint32(0o600)
	for name, err := range map[string]error{
		"Create": err, "Mkdir": b.d.Mkdir(t.Context(), "no/dir", 0o700),
		"SetAttributes": b.d.SetAttributes(t.Context(), "no", dest.Attributes{Permissions: &mode}),
		"Remove":        b.d.Remove(t.Context(), "no"), "RemoveDir": b.d.RemoveDir(t.Context(), "no"),
	} {
		if !errors.Is(err, fs.ErrNotExist) || err != nil && !strings.Contains(err.Error(), "no") {
			t.Errorf("%s: %v, want fs.ErrNotExist", name, err)
		}
	}
}

func testWriteOutside(t *testing.T, b *writeBench) {
	for _, p := range []string{"..", "../x", "/etc/x", "a//b", "a\x00b"} {
		_, err := b.d.Create(t.Context(), p, dest.Create{})
		for _, err := range []error{err, b.d.Mkdir(t.Context(), p, 0o700), b.d.Remove(t.Context(), p),
			b.d.RemoveDir(t.Context(), p), b.d.Rename(t.Context(), p, "a"), b.d.Rename(t.Context(), "a", p)} {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%q: %v, want fs.ErrInvalid", p, err)
			}
		}
	}
}

func testWriteCancel(t *testing.T, b *writeBench) {
	o := b.create(t, "file", dest.Create{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, created := b.d.Create(ctx, "other", dest.Create{})
	_, written := o.WriteAt(ctx, make([]byte, 1<<20), 0)
	for name, err := range map[string]error{
		"Create": created, "WriteAt": written, "Sync": o.Sync(ctx), "Mkdir": b.d.Mkdir(ctx, "dir", 0o700),
		"Rename": b.d.Rename(ctx, "file", "to"), "Remove": b.d.Remove(ctx, "file"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
	if _, err := o.WriteAt(t.Context(), []byte("x"), 0); err != nil {
		t.Errorf("WriteAt afterwards: %v", err)
	}
	if err := o.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
