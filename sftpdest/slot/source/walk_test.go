package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// plant makes files below a new directory: "name/" is a directory, "name -> target" a symlink, other names are files that
// hold their own path.
func plant(t testing.TB, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		name, target, link := strings.Cut(name, " -> ")
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case link:
			err = os.Symlink(target, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, []byte(name), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func open(t testing.TB, root string, o Options) *Tree {
	t.Helper()
	tree, err := Open(root, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

// walk collects a walk, and makes sure that a manifest takes it.
func walk(t testing.TB, tree *Tree) []*Found {
	t.Helper()
	w, err := manifest.NewWriter(discard{})
	if err != nil {
		t.Fatal(err)
	}
	var all []*Found
	for found, err := range tree.Walk(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&found.Entry); err != nil {
			t.Fatal(err)
		}
		all = append(all, found)
	}
	return all
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func paths(all []*Found) []string {
	var paths []string
	for _, found := range all {
		paths = append(paths, found.Path)
	}
	return paths
}

func find(t testing.TB, all []*Found, path string) *Found {
	t.Helper()
	i := slices.IndexFunc(all, func(f *Found) bool { return f.Path == path })
	if i < 0 {
		t.Fatalf("no %q in %q", path, paths(all))
	}
	return all[i]
}

//check:without needs root
func TestWalkYieldsAllAttributes(t *testing.T) {
	root := plant(t, "dir/", "dir/file", "link -> ../\xff/nowhere")
	path := filepath.Join(root, "dir/file")
	for _, err := range []error{
		os.Chown(path, 0, 12345), os.Chmod(path, 0o640|os.ModeSetuid),
		unix.Lsetxattr(path, "user.note", []byte("\x00raw"), 0), unix.Lsetxattr(path, "trusted.a", nil, 0),
		unix.Lsetxattr(filepath.Join(root, "dir"), "user.dir", []byte("d"), 0),
		unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{{Sec: 1}, {Sec: -5, Nsec: 123456789}}, 0),
		unix.Mknod(filepath.Join(root, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))),
		unix.Mkfifo(filepath.Join(root, "fifo"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	all := walk(t, open(t, root, Options{}))
	if got := paths(all); !slices.Equal(got, []string{"", "dir", "dir/file", "fifo", "link", "null"}) {
		t.Fatalf("%q", got)
	}
	file := find(t, all, "dir/file")
	want := manifest.Entry{Path: "dir/file", Entry: backup.Entry{Name: "file", Mode: backup.ModeRegular | 0o4640, GID: 12345,
		Size: 8, MTime: -5e9 + 123456789, Nlink: 1,
		Xattrs: []backup.Xattr{{Name: "trusted.a"}, {Name: "user.note", Value: "\x00raw"}}},
		User: "root", CTime: st.Ctim.Nano(), Inode: st.Ino, Device: uint64(st.Dev)}
	if file.Frozen || !reflect.DeepEqual(file.Entry, want) {
		t.Errorf("%+v\nwant %+v", file.Entry, want)
	}
	if dir := find(t, all, "dir"); !dir.IsDir() || !reflect.DeepEqual(dir.Xattrs, []backup.Xattr{{Name: "user.dir", Value: "d"}}) {
		t.Errorf("%+v", dir)
	}
	if link := find(t, all, "link"); !link.IsSymlink() || link.Target != "../\xff/nowhere" {
		t.Errorf("%+v", link)
	}
	if null := find(t, all, "null"); null.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("%+v", null)
	}
}

func TestWalkKeepsTheOrderOfManifestsWhateverTheNames(t *testing.T) {
	names := []string{"a/b", "a/b-c", "a/\xff\xfe", "a\x01", "a!x", "a-b/c", "a.txt", "ab", "new\nline", " ", "\\", strings.Repeat("n", 255)}
	for i := range 1500 { // more than getdents gives at once
		names = append(names, fmt.Sprintf("many/%d-%s", i*7919%1500, strings.Repeat("x", i%200)))
	}
	got := paths(walk(t, open(t, plant(t, names...), Options{}))) // walk checks the order
	want := append([]string{"", "a", "a-b", "many"}, names...)
	slices.SortFunc(want, manifest.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("%d paths, want %d", len(got), len(want))
	}
}

func TestManyAndLongAttributesAreReadEitherWay(t *testing.T) {
	root := plant(t, "file", "link -> file")
	path := filepath.Join(root, "file")
	var want []backup.Xattr
	for i := range 40 {
		x := backup.Xattr{Name: fmt.Sprintf("user.attribute-%02d", i), Value: strings.Repeat("v", i*2)}
		want = append(want, x)
		if err := unix.Lsetxattr(path, x.Name, []byte(x.Value), 0); err != nil {
			t.Fatal(err)
		}
	}
	tree := open(t, root, Options{})
	for _, byProc := range []bool{false, true} {
		x := newXattrs()
		x.byProc = byProc
		device := find(t, walk(t, tree), "file").Device
		got, err := x.read(int(tree.root.Fd()), "file", device)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("by /proc %v: %+v, %v", byProc, got, err)
		}
		// A link's own attributes, not those of what it leads to.
		if got, err := x.read(int(tree.root.Fd()), "link", device); err != nil || len(got) > 0 {
			t.Errorf("by /proc %v: link: %+v, %v", byProc, got, err)
		}
	}
}

func TestHardLinksNameTheFirstPathOfTheWalk(t *testing.T) {
	root := plant(t, "b/first", "a/", "c", "d")
	for _, to := range []string{"a/z", "b/second", "last"} {
		if err := os.Link(filepath.Join(root, "b/first"), filepath.Join(root, to)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(root, "c"), filepath.Join(t.TempDir(), "outside")); err != nil {
		t.Fatal(err)
	}
	all := walk(t, open(t, root, Options{}))
	for path, link := range map[string]string{"a/z": "", "b/first": "a/z", "b/second": "a/z", "last": "a/z", "c": "", "d": ""} {
		if found := find(t, all, path); found.Link != link {
			t.Errorf("%s is linked to %q, want %q", path, found.Link, link)
		}
	}
}

func TestCachesAreLeftOutButForTheirTag(t *testing.T) {
	root := plant(t, "CACHEDIR.TAG", "cache/CACHEDIR.TAG", "cache/big", "cache/sub/x", "fake/CACHEDIR.TAG", "fake/kept",
		"linked/CACHEDIR.TAG -> ../cache/CACHEDIR.TAG", "linked/kept")
	for _, path := range []string{"CACHEDIR.TAG", "cache/CACHEDIR.TAG"} {
		if err := os.WriteFile(filepath.Join(root, path), []byte(cacheSignature+"\n# made by a test"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"", "CACHEDIR.TAG", "cache", "cache/CACHEDIR.TAG", "fake", "fake/CACHEDIR.TAG", "fake/kept", "linked",
		"linked/CACHEDIR.TAG", "linked/kept"}
	if got := paths(walk(t, open(t, root, Options{CacheDirs: true}))); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := walk(t, open(t, root, Options{})); len(got) != len(want)+3 {
		t.Errorf("%q", paths(got))
	}
}

//check:without needs root
func TestOtherFileSystemsAreLeftOut(t *testing.T) {
	root := plant(t, "mount/", "file")
	mountpoint := filepath.Join(root, "mount")
	if err := unix.Mount("none", mountpoint, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(mountpoint, unix.MNT_DETACH)
	if err := os.WriteFile(filepath.Join(mountpoint, "there"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := paths(walk(t, open(t, root, Options{OneFileSystem: true}))); !slices.Equal(got, []string{"", "file", "mount"}) {
		t.Errorf("%q", got)
	}
	if got := paths(walk(t, open(t, root, Options{}))); !slices.Equal(got, []string{"", "file", "mount", "mount/there"}) {
		t.Errorf("%q", got)
	}
}

func TestStagedDirectoriesStandWhereTheyAreJoined(t *testing.T) {
	root := plant(t, "db/own", "b", "z/deep/own", "z/own", "link -> /etc")
	staged := plant(t, "one.sql", "sub/two.sql", "three.tmp")
	if err := os.WriteFile(filepath.Join(root, ".exclude"), []byte("# all\n*.sql\n[\n!\n*.sql\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree := open(t, root, Options{Exclude: []string{"*.tmp"}, ExcludeFile: ".exclude",
		Also: map[string]string{"db": staged, "z/deep": staged, "link/x": staged, "new/y": staged}})
	all := walk(t, tree)
	want := []string{"", ".exclude", "b", "db", "db/one.sql", "db/sub", "db/sub/two.sql", "link", "link/x", "link/x/one.sql",
		"link/x/sub", "link/x/sub/two.sql", "new", "new/y", "new/y/one.sql", "new/y/sub", "new/y/sub/two.sql",
		"z", "z/deep", "z/deep/one.sql", "z/deep/sub", "z/deep/sub/two.sql", "z/own"}
	if got := paths(all); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for path, content := range map[string]string{"db/sub/two.sql": "sub/two.sql", "link/x/one.sql": "one.sql", "z/own": "z/own"} {
		if got := content1(t, tree, find(t, all, path)); got != content {
			t.Errorf("%s reads %q", path, got)
		}
	}
	for _, also := range []map[string]string{{"": staged}, {"../x": staged}, {"a": staged, "a/b": staged}, {"a": staged + "/none"}} {
		if _, err := Open(root, Options{Also: also}); err == nil {
			t.Errorf("joined %v", also)
		}
	}
}

// TestPatternsOfAJoinedSourceCountFromThere has the source below a prefix: what is staged around it heeds no patterns
// of its owner.
func TestPatternsOfAJoinedSourceCountFromThere(t *testing.T) {
	root := plant(t, "a.sql", "home/own")
	home := plant(t, "a.sql", "top/x", "sub/top/x", "sub/cache/y", "keep")
	if err := os.WriteFile(filepath.Join(home, ".exclude"), []byte("*.sql\n/top\nsub/cache/\n.exclude\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := Options{ExcludeFile: ".exclude", ExcludeIn: "home/dir", Also: map[string]string{"home/dir": home}}
	want := []string{"", "a.sql", "home", "home/dir", "home/dir/keep", "home/dir/sub", "home/dir/sub/top", "home/dir/sub/top/x", "home/own"}
	if got := paths(walk(t, open(t, root, o))); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestOwnersWriteNoEndlessPatterns has files with patterns that are no text, elsewhere, or too much.
func TestOwnersWriteNoEndlessPatterns(t *testing.T) {
	secret := plant(t, "patterns")
	long := "/" + strings.Repeat("*a", maxOwnLine)
	for name, text := range map[string]string{
		"many": strings.Repeat("/no\n", maxOwnRules) + "/file\n", "long": "/fil[e]" + strings.Repeat("*", maxOwnLine) + "\n",
		"large": strings.Repeat(long[:maxOwnLine-1]+"\n", maxOwnFile/maxOwnLine) + "/file\n", "fifo": "", "link": "", "folder": "",
	} {
		root := plant(t, "file")
		path := filepath.Join(root, "own")
		var err error
		switch name {
		case "fifo":
			err = unix.Mkfifo(path, 0o600)
		case "link":
			err = os.Symlink(filepath.Join(secret, "patterns"), path)
		case "folder":
			err = os.Mkdir(path, 0o755)
		default:
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		all := walk(t, open(t, root, Options{ExcludeFile: "own"}))
		if got := paths(all); !slices.Equal(got, []string{"", "file", "own"}) {
			t.Errorf("%s: %q", name, got)
		}
		if told := all[0].Warning != nil; told != (text != "") {
			t.Errorf("%s: told %v", name, all[0].Warning)
		}
	}
}

// content1 reads a file of up to a few bytes.
func content1(t testing.TB, tree *Tree, found *Found) string {
	t.Helper()
	file, err := tree.OpenFile(found.Path, &found.Entry)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := make([]byte, 100)
	n, _ := file.ReadAt(p, 0)
	return string(p[:n])
}

func TestRootThatIsGoneIsNoEmptyDirectory(t *testing.T) {
	root := plant(t, "file")
	tree := open(t, root, Options{})
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	for found, err := range tree.Walk(context.Background()) {
		if err == nil {
			t.Errorf("%+v", found)
		}
	}
}

func TestWalkEndsWhenItIsToldTo(t *testing.T) {
	tree := open(t, plant(t, "a", "b/c", "d"), Options{})
	for range tree.Walk(context.Background()) {
		break
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	for _, err := range tree.Walk(ctx) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Error(last)
	}
}

//check:without it takes seconds
func TestDeepTreesAreWalkedAndTooDeepOnesFrozen(t *testing.T) {
	root := t.TempDir()
	fd, err := openDirectory(unix.AT_FDCWD, root)
	if err != nil {
		t.Fatal(err)
	}
	for range manifest.MaxDepth + 3 {
		if err := unix.Mkdirat(fd, "d", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := openDirectory(fd, "d")
		unix.Close(fd)
		if fd = next; err != nil {
			t.Fatal(err)
		}
	}
	unix.Close(fd)
	all := walk(t, open(t, root, Options{}))
	last := all[len(all)-1]
	if len(all) != manifest.MaxDepth+1 || !last.Frozen || all[len(all)-2].Frozen {
		t.Errorf("%d folders, the last one frozen: %v", len(all), last.Frozen)
	}
}
