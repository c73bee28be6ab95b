package desttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// Maker makes a destination whose directory is the local directory root. It is closed by the suite.
type Maker func(t testing.TB, root string) dest.Destination

// Trait is what a destination cannot help.
type Trait int

// AsRoot says that the destination reads with root's rights, to whom no permission is denied.
const AsRoot Trait = 1

// ResolvesLinks says that the server answers LSTAT, and OPEN, of a symbolic link with what it leads to, and READLINK
// with an absolute path. Its listings tell links apart.
const ResolvesLinks Trait = 3

// Suite holds a destination to the contract. Every implementation passes it. make is called for several tests side by side.
func Suite(t *testing.T, make Maker, traits ...Trait) {
	root := slices.Contains(traits, AsRoot)
	tests := []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"ListTellsAttributes", testList},
		{"NamesAreRawBytes", testRawNames},
		{"LinksAreNotFollowed", func(t *testing.T, b *bench) { testLinks(t, b, slices.Contains(traits, ResolvesLinks)) }},
		{"EmptyDirectory", testEmptyDirectory},
		{"NotExist", testNotExist},
		{"PathsThatLeadOutsideAreRefused", testOutside},
		{"ReadAt", testReadAt},
		{"ReadAtSideBySide", testSideBySide},
		{"ReplacedWhileOpen", testReplaced},
		{"LargeDirectory", testLargeDirectory},
		{"CancelledCallsReturn", testCancel},
		{"CallsSideBySide", testConcurrent},
		{"Close", testClose},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, newBench(t, make))
		})
	}
	if !root {
		t.Run("PermissionDenied", func(t *testing.T) { testPermission(t, newBench(t, make)) })
	}
}

// bench is a directory and the destination that serves it.
type bench struct {
	root string
	d    dest.Destination
}

func newBench(t *testing.T, make Maker) *bench {
	// Whoever the server runs as must get in, and t.TempDir makes directories for their owner only.
	root, err := os.MkdirTemp("", "desttest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	d := make(t, root)
	t.Cleanup(func() { d.Close() })
	return &bench{root: root, d: d}
}

// write makes a file of n reproducible bytes.
func (b *bench) write(t *testing.T, name string, n int) []byte {
	t.Helper()
	p := Content(n)
	if err := os.WriteFile(filepath.Join(b.root, name), p, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// Content is n bytes that do not repeat and do not compress.
func Content(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(p)
	return p
}

func (b *bench) list(t *testing.T, dir string) map[string]dest.Info {
	t.Helper()
	list, err := b.d.List(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]dest.Info)
	for _, info := range list {
		if _, again := byName[info.Name]; again {
			t.Errorf("%q is listed twice", info.Name)
		}
		byName[info.Name] = info
	}
	return byName
}

func testList(t *testing.T, b *bench) {
	b.write(t, "file", 12345)
	if err := os.Mkdir(filepath.Join(b.root, "dir"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(b.root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	FreeFIFO(t, filepath.Join(b.root, "fifo"))
	old := time.Unix(1_000_000_000, 999_999_999)
	if err := os.Chtimes(filepath.Join(b.root, "file"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(b.root, "file"), 0o4711|fs.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	list := b.list(t, "")
	if len(list) != 3 {
		t.Fatalf("%d names, want 3: %v", len(list), list)
	}
	want := dest.Info{
		Name: "file", Mode: backup.ModeRegular | 0o4711, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
		Size: 12345, MTime: 1_000_000_000,
	}
	if got := list["file"]; got != want {
		t.Errorf("file: %+v, want %+v", got, want)
	}
	if got := list["dir"].Mode; got != backup.ModeDir|0o750 {
		t.Errorf("dir: mode %o", got)
	}
	if got := list["fifo"].Mode; got&backup.ModeType != backup.ModeFIFO {
		t.Errorf("fifo: mode %o", got)
	}
	for name, info := range list {
		got, err := b.d.Stat(t.Context(), name)
		if err != nil || got != info {
			t.Errorf("Stat %s: %+v, %v, want what the listing says: %+v", name, got, err, info)
		}
	}
	if _, err := b.d.List(t.Context(), "file"); err == nil {
		t.Error("a file was listed")
	}
	for _, name := range []string{"dir", "fifo"} {
		if f, err := b.d.Open(t.Context(), name); !errors.Is(err, dest.ErrNotRegular) {
			t.Errorf("Open %s: %v, %v, want ErrNotRegular", name, f, err)
		}
	}
	if info, err := b.d.Stat(t.Context(), ""); err != nil || info.Mode&backup.ModeType != backup.ModeDir || info.Name != "" {
		t.Errorf("Stat of the directory itself: %+v, %v", info, err)
	}
}

// FreeFIFO lets servers go on, when the test ends, that wait in open(2) of a FIFO for somebody who writes.
func FreeFIFO(t testing.TB, local string) {
	t.Cleanup(func() {
		f, err := os.OpenFile(local, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Error(err)
			return
		}
		f.Close()
	})
}

func testRawNames(t *testing.T, b *bench) {
	names := []string{
		"new\nline", "\xff\xfe not UTF-8", strings.Repeat("x", 255), "back\\slash", "*?[glob]", " blank ", "-rf",
		"...", "..x", "\"quoted\"", "tab\t", "e\u0301", "\u00e9", "\x01\x1b[31m", "%s%n", "~", "$HOME",
	}
	for _, name := range names {
		b.write(t, name, len(name))
	}
	list := b.list(t, "")
	var got []string
	for name := range list {
		got = append(got, name)
	}
	sort.Strings(got)
	sort.Strings(names)
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", names) {
		t.Errorf("listed %q, want %q", got, names)
	}
	for _, name := range names {
		f, err := b.d.Open(t.Context(), name)
		if err != nil {
			t.Errorf("Open %q: %v", name, err)
			continue
		}
		p := make([]byte, len(name))
		if n, err := f.ReadAt(t.Context(), p, 0); n != len(p) || err != nil || !bytes.Equal(p, Content(len(name))) {
			t.Errorf("ReadAt %q: %d, %v", name, n, err)
		}
		f.Close()
	}
}

func testLinks(t *testing.T, b *bench, resolves bool) {
	b.write(t, "file", 100)
	targets := map[string]string{"good": "file", "dangling": "no\nwhere\xff", "loop": "loop", "out": "/etc"}
	for name, target := range targets {
		if err := os.Symlink(target, filepath.Join(b.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	list := b.list(t, "")
	for name, target := range targets {
		if got := list[name].Mode; got&backup.ModeType != backup.ModeSymlink {
			t.Errorf("%s is listed with mode %o", name, got)
		}
		if got, err := b.d.ReadLink(t.Context(), name); err != nil || got != target && !(resolves && strings.HasSuffix(got, "/"+target)) {
			t.Errorf("ReadLink %s: %q, %v, want %q", name, got, err, target)
		}
		if resolves {
			continue
		}
		if got, err := b.d.Stat(t.Context(), name); err != nil || got != list[name] {
			t.Errorf("Stat %s: %+v, %v", name, got, err)
		}
		if _, err := b.d.Open(t.Context(), name); !errors.Is(err, dest.ErrNotRegular) {
			t.Errorf("Open %s: %v, want ErrNotRegular", name, err)
		}
	}
	if _, err := b.d.ReadLink(t.Context(), "file"); err == nil {
		t.Error("a file was read as a link")
	}
	// Opening links must leave the destination in working order.
	if _, err := b.d.Stat(t.Context(), "file"); err != nil {
		t.Error(err)
	}
}

func testEmptyDirectory(t *testing.T, b *bench) {
	if list := b.list(t, ""); len(list) != 0 {
		t.Errorf("empty directory has %v", list)
	}
}

func testNotExist(t *testing.T, b *bench) {
	b.write(t, "file", 1)
	calls := map[string]func(p string) error{
		"List":     func(p string) error { _, err := b.d.List(t.Context(), p); return err },
		"Open":     func(p string) error { _, err := b.d.Open(t.Context(), p); return err },
		"Stat":     func(p string) error { _, err := b.d.Stat(t.Context(), p); return err },
		"ReadLink": func(p string) error { _, err := b.d.ReadLink(t.Context(), p); return err },
	}
	for name, call := range calls {
		for _, p := range []string{"missing", "missing/deeper"} {
			err := call(p)
			if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s %s: %v, want fs.ErrNotExist", name, p, err)
			}
			if err != nil && !strings.Contains(err.Error(), p) {
				t.Errorf("%s %s: the error does not name it: %v", name, p, err)
			}
		}
		if err := call("file/below"); err == nil {
			t.Errorf("%s below a file succeeded", name)
		}
	}
	if err := os.RemoveAll(b.root); err != nil {
		t.Fatal(err)
	}
	if _, err := b.d.List(t.Context(), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("List of a destination whose directory is gone: %v", err)
	}
}

func testOutside(t *testing.T, b *bench) {
	for _, p := range []string{"..", "../x", "a/../../b", "/etc", "a//b", "a/", ".", "a/./b", "a\x00b"} {
		if _, err := b.d.Stat(context.Background(), p); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Stat %q: %v, want fs.ErrInvalid", p, err)
		}
	}
}

func testPermission(t *testing.T, b *bench) {
	b.write(t, "locked", 10)
	if err := os.Mkdir(filepath.Join(b.root, "closed"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"locked", "closed"} {
		if err := os.Chmod(filepath.Join(b.root, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.d.Open(t.Context(), "locked"); !errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v, want fs.ErrPermission", err)
	}
	if _, err := b.d.List(t.Context(), "closed"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("List: %v, want fs.ErrPermission", err)
	}
	if _, err := b.d.Stat(t.Context(), "locked"); err != nil {
		t.Errorf("Stat: %v", err)
	}
}
