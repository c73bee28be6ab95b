package desttest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// can reports whether the server offers what err is about; any other error fails the test.
func can(t *testing.T, what string, err error) bool {
	t.Helper()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%s: %v", what, err)
	}
	return err == nil
}

// attributesForTests are ones that no file has by itself.
func attributesForTests() dest.Attributes {
	mode, when := uint32(0o640), int64(1_000_000_000)
	return dest.Attributes{Permissions: &mode, MTime: &when}
}

func (b *writeBench) hasAttributes(t *testing.T, name string) {
	t.Helper()
	if info, err := b.d.Stat(t.Context(), name); err != nil || info.Mode != backup.ModeRegular|0o640 || info.MTime != 1_000_000_000 {
		t.Errorf("%s: %+v, %v", name, info, err)
	}
}

func testPut(t *testing.T, b *writeBench) {
	d, ok := b.d.(dest.FileWriter)
	if !ok {
		return
	}
	for name, n := range map[string]int{"empty": 0, "small": 5, "large": 1 << 20} {
		if _, err := d.Put(t.Context(), name, Content(n), attributesForTests(), true); err != nil {
			t.Errorf("Put %s: %v", name, err)
		}
		b.has(t, name, Content(n))
		b.hasAttributes(t, name)
	}
	if _, err := d.Put(t.Context(), "small", []byte("other"), dest.Attributes{}, false); err == nil {
		t.Error("a file was put over another one")
	}
	b.has(t, "small", Content(5))
}

func testCopy(t *testing.T, b *writeBench) {
	d, ok := b.d.(dest.Copier)
	if !ok {
		return
	}
	const size = 3<<20 + 1
	b.put(t, "from", dest.Create{}, 0, Content(size))
	b.put(t, "none", dest.Create{}, 0, nil)
	_, err := d.Copy(t.Context(), "from", "to", size, attributesForTests(), true)
	if !can(t, "Copy", err) {
		if _, err := os.Lstat(filepath.Join(b.root, "to")); err == nil {
			t.Error("what is not supported made a file")
		}
		return
	}
	b.has(t, "to", Content(size))
	b.hasAttributes(t, "to")
	if _, err := d.Copy(t.Context(), "none", "empty", 0, attributesForTests(), false); err != nil {
		t.Errorf("Copy of nothing: %v", err)
	}
	b.has(t, "empty", nil)
	if _, err := d.Copy(t.Context(), "from", "short", size+1, dest.Attributes{}, false); err == nil {
		t.Error("more was copied than is there")
	}
	if _, err := d.Copy(t.Context(), "none", "to", 0, dest.Attributes{}, false); err == nil {
		t.Error("a file was copied over another one")
	}
	if _, err := d.Copy(t.Context(), "missing", "x", 1, dest.Attributes{}, false); err == nil {
		t.Error("a missing file was copied")
	}
}

func testCopyRanges(t *testing.T, b *writeBench) {
	d, ok := b.d.(dest.RangeCopier)
	if !ok {
		return
	}
	const size = 12 << 20
	content := make([]byte, size)
	var ranges []dest.Range
	for off := int64(1 << 20); off < size/2; off += 64 << 10 {
		ranges = append(ranges, dest.Range{Offset: off, Length: 4096})
		copy(content[off:], Content(4096))
	}
	b.put(t, "from", dest.Create{}, 0, content)
	_, err := d.CopyRanges(t.Context(), "from", "to", size, ranges, attributesForTests(), true)
	if !can(t, "CopyRanges", err) {
		return
	}
	b.has(t, "to", content)
	b.hasAttributes(t, "to")
	info, err := os.Stat(filepath.Join(b.root, "to"))
	if st, ok := info.Sys().(*syscall.Stat_t); err != nil || !ok || st.Blocks*512 > size/4 {
		t.Errorf("a copy with holes takes %+v, %v", info, err)
	}
	if _, err := d.CopyRanges(t.Context(), "from", "hole", size, nil, dest.Attributes{}, false); err != nil {
		t.Errorf("a file that is one hole: %v", err)
	}
	b.has(t, "hole", make([]byte, size))
	if _, err := d.CopyRanges(t.Context(), "from", "long", size+1, ranges, dest.Attributes{}, false); err == nil {
		t.Error("a file became longer")
	}
}

func testWriteLinks(t *testing.T, b *writeBench) {
	b.put(t, "file", dest.Create{}, 0, []byte("content"))
	if d, ok := b.d.(dest.Linker); ok && can(t, "Link", d.Link(t.Context(), "file", "second")) {
		b.has(t, "second", []byte("content"))
		if err := d.Link(t.Context(), "file", "second"); err == nil {
			t.Error("a link was made over a file")
		}
	}
	if d, ok := b.d.(dest.Symlinker); ok && can(t, "Symlink", d.Symlink(t.Context(), "/no\nwhere\xff", "symlink")) {
		if got, err := os.Readlink(filepath.Join(b.root, "symlink")); err != nil || got != "/no\nwhere\xff" {
			t.Errorf("symbolic link to %q, %v", got, err)
		}
		if err := d.Symlink(t.Context(), "x", "file"); err == nil {
			t.Error("a symbolic link was made over a file")
		}
	}
}

// syncs reports whether the server makes names durable.
func (b *writeBench) syncs(t *testing.T, dir string) bool {
	d, ok := b.d.(dest.DirSyncer)
	return ok && d.SyncDir(t.Context(), dir) == nil
}

func testInstall(t *testing.T, b *writeBench) {
	d, ok := b.d.(dest.DurableRenamer)
	if !ok {
		return
	}
	if err := b.d.Mkdir(t.Context(), "dir", 0o700); err != nil {
		t.Fatal(err)
	}
	b.put(t, "dir/old", dest.Create{}, 0, []byte("old content"))
	for _, to := range []string{"dir/old", "top"} {
		b.put(t, "new", dest.Create{}, 0, []byte("new"))
		if synced, err := d.Install(t.Context(), "new", to); err != nil || synced != b.syncs(t, "dir") {
			t.Errorf("to %s: %v, %v", to, synced, err)
		}
		b.has(t, to, []byte("new"))
		if _, err := b.d.Stat(t.Context(), "new"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the former name: %v", err)
		}
	}
	if synced, err := d.Install(t.Context(), "missing", "dir/old"); !errors.Is(err, fs.ErrNotExist) || synced {
		t.Errorf("a missing file was installed: %v, %v", synced, err)
	}
	b.has(t, "dir/old", []byte("new"))
}

func testSettleDir(t *testing.T, b *writeBench) {
	d, ok := b.d.(dest.DurableRenamer)
	if !ok {
		return
	}
	if err := b.d.Mkdir(t.Context(), "dir", 0o700); err != nil {
		t.Fatal(err)
	}
	mode, when := uint32(0o750), int64(1_000_000_000)
	set := dest.Attributes{Permissions: &mode, MTime: &when}
	if synced, err := d.SyncDirAttributes(t.Context(), "dir", set); err != nil || synced != b.syncs(t, "dir") {
		t.Errorf("%v, %v", synced, err)
	}
	if info, err := b.d.Stat(t.Context(), "dir"); err != nil || info.Mode != backup.ModeDir|mode || info.MTime != when {
		t.Errorf("%+v, %v", info, err)
	}
	if synced, err := d.SyncDirAttributes(t.Context(), "missing", set); !errors.Is(err, fs.ErrNotExist) || synced {
		t.Errorf("a missing directory was settled: %v, %v", synced, err)
	}
}

func testSyncDir(t *testing.T, b *writeBench) {
	if err := b.d.Mkdir(t.Context(), "dir", 0o700); err != nil {
		t.Fatal(err)
	}
	if d, ok := b.d.(dest.DirSyncer); ok {
		can(t, "SyncDir", d.SyncDir(t.Context(), "dir"))
		if err := d.SyncDir(t.Context(), "missing"); err == nil {
			t.Error("a missing directory was synced")
		}
	}
	if d, ok := b.d.(dest.StatFS); ok {
		space, err := d.Space(t.Context(), "dir")
		if can(t, "Space", err) && space.Bytes <= 0 {
			t.Errorf("%+v", space)
		}
	}
}
