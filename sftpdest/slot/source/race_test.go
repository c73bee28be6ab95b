package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/manifest"
)

// onOwnThread runs a function on a thread that ends with it.
func onOwnThread(run func()) {
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		runtime.LockOSThread() // and never unlocked: the thread is not used again
		run()
	}()
	done.Wait()
}

const secret = "nobody but root may read this"

// swaps is how often an account's owner tries.
const swaps = 10000

// swapping exchanges two names until the test ends, at least swaps times, and tells when that many were made.
func swapping(t *testing.T, a, b string) (enough <-chan struct{}) {
	t.Helper()
	done := make(chan struct{})
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ; i++ {
			if i == swaps {
				close(done)
			}
			select {
			case <-stop:
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				if i < swaps {
					close(done)
				}
				return
			}
		}
	})
	t.Cleanup(func() { close(stop); running.Wait() })
	return done
}

// TestSwappedDirectoriesNeverLeadToSecrets exchanges a directory for a symlink to another one while it is walked and read.
func TestSwappedDirectoriesNeverLeadToSecrets(t *testing.T) {
	outside := plant(t, "sub/file", "sub/hidden")
	for _, name := range []string{"sub/file", "sub/hidden"} {
		if err := os.WriteFile(filepath.Join(outside, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root := plant(t, "dir/sub/file", "link -> "+outside)
	tree := open(t, root, Options{})
	var entry manifest.Entry
	for _, found := range walk(t, tree) {
		if found.Path == "dir/sub/file" {
			entry = found.Entry
		}
	}
	enough := swapping(t, filepath.Join(root, "dir"), filepath.Join(root, "link"))
	var read, missed, walks int
	for done := false; !done || walks == 0; {
		select {
		case <-enough:
			done = true
		default:
		}
		if readRaced(t, tree, &entry) {
			read++
		} else {
			missed++
		}
		if (read+missed)%10 != 0 {
			continue
		}
		walks++
		for found, err := range tree.Walk(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if found.Name == "hidden" || found.Size == int64(len(secret)) && found.IsRegular() {
				t.Fatalf("the walk saw %+v", found)
			}
		}
	}
	t.Logf("%d read, %d missed, %d walks", read, missed, walks)
	if read == 0 || missed == 0 {
		t.Errorf("no race: %d read, %d missed", read, missed)
	}
}

// readRaced reads a file and reports whether it was there.
func readRaced(t *testing.T, tree *Tree, e *manifest.Entry) bool {
	t.Helper()
	for _, path := range []string{"dir/sub/file", "link/sub/file"} {
		copied := *e
		file, err := tree.OpenFile(path, &copied)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<20))
		file.Close()
		if err != nil || bytes.Contains(data, []byte("root")) || string(data) != "dir/sub/file" {
			t.Fatalf("%s reads %q, %v", path, data, err)
		}
		return path == "dir/sub/file"
	}
	return false
}

// TestSwappedFilesAreNotReadForOthers exchanges a file for a symlink, for a FIFO, which would block its reader, and for another
// file, which may be read as what it is.
func TestSwappedFilesAreNotReadForOthers(t *testing.T) {
	outside := plant(t, "secret")
	for name, make := range map[string]func(path string) error{
		"symlink": func(path string) error { return os.Symlink(filepath.Join(outside, "secret"), path) },
		"fifo":    func(path string) error { return unix.Mkfifo(path, 0o600) },
		"file":    func(path string) error { return os.WriteFile(path, []byte(secret), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			root := plant(t, "dir/file")
			tree := open(t, root, Options{})
			found := find(t, walk(t, tree), "dir/file")
			if err := make(filepath.Join(root, "other")); err != nil {
				t.Fatal(err)
			}
			enough := swapping(t, filepath.Join(root, "dir/file"), filepath.Join(root, "other"))
			for done := false; !done; {
				select {
				case <-enough:
					done = true
				default:
				}
				e := found.Entry
				file, err := tree.OpenFile("dir/file", &e)
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				p := [100]byte{}
				n, err := file.ReadAt(p[:], 0)
				other := name == "file" && string(p[:n]) == secret
				if err != io.EOF || string(p[:n]) != "dir/file" && !other || e.Size != int64(n) || other == (e.Inode == found.Inode) {
					t.Fatalf("%q, %v, size %d", p[:n], err, e.Size)
				}
				file.Close()
			}
		})
	}
}

func TestKernelsWithoutOpenat2AreAsSafe(t *testing.T) {
	outside := plant(t, "file")
	root := plant(t, "a/b/file", "a/link -> b", "out -> "+outside, "up -> ..")
	tree := open(t, root, Options{})
	for path, want := range map[string]error{
		"a/b/file": nil, "a/b": nil, "a/link": nil, "a/link/file": unix.ENOTDIR, "out/file": unix.ENOTDIR, "a/none/file": unix.ENOENT,
		"a/b/file/x": unix.ENOTDIR,
	} {
		fd, err := pinByElements(int(tree.root.Fd()), path)
		if err != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
}

func TestPathsDoNotLeadOutOfTheDirectory(t *testing.T) {
	root := plant(t, "in/file", "file")
	tree := open(t, filepath.Join(root, "in"), Options{})
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(root, "file"), &st); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../file", "..", "file/../../file", "", ".", root + "/file", "./file", "file/"} {
		e := manifest.Entry{Path: path, Inode: st.Ino, Device: uint64(st.Dev)}
		if _, err := tree.OpenFile(path, &e); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestFilesThatAreReplacedAreReadAsWhatTheyAre(t *testing.T) {
	root := plant(t, "file", "gone", "special", "linked")
	if err := os.Link(filepath.Join(root, "linked"), filepath.Join(root, "name")); err != nil {
		t.Fatal(err)
	}
	tree := open(t, root, Options{})
	all := walk(t, tree)
	for _, err := range []error{
		os.WriteFile(filepath.Join(root, "new"), []byte("x"), 0o640),
		os.Link(filepath.Join(root, "new"), filepath.Join(root, "new2")),
		os.Rename(filepath.Join(root, "new"), filepath.Join(root, "file")),
		os.Rename(filepath.Join(root, "new2"), filepath.Join(root, "linked")),
		os.Remove(filepath.Join(root, "gone")),
		os.Remove(filepath.Join(root, "special")),
		unix.Mkfifo(filepath.Join(root, "special"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	e := find(t, all, "file").Entry
	file, err := tree.OpenFile("file", &e)
	if err != nil {
		t.Fatalf("%v: a file that is replaced all the time would be in no backup", err)
	}
	defer file.Close()
	if e.Size != 1 || e.Mode&0o777 != 0o640 {
		t.Errorf("size %d, mode %o", e.Size, e.Mode)
	}
	// The other name of what was there is taken for a name of this one.
	for _, path := range []string{"linked", "gone", "special"} {
		if _, err := tree.OpenFile(path, &find(t, all, path).Entry); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestChangesWhileReadingAreNoticed(t *testing.T) {
	root := plant(t, "file")
	path := filepath.Join(root, "file")
	tree := open(t, root, Options{})
	entry := find(t, walk(t, tree), "file").Entry
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("changed before it was opened")
	file, err := tree.OpenFile("file", &entry)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	expect := func(want bool, size int64) {
		t.Helper()
		same, err := file.Unchanged(&entry)
		if err != nil || same != want || entry.Size != size {
			t.Errorf("unchanged: %v, %v; size %d, want %d", same, err, entry.Size, size)
		}
	}
	expect(true, 28)
	write("and again")
	expect(false, 9)
	expect(true, 9)
	if err := unix.Lsetxattr(path, "user.note", []byte("n"), 0); err != nil {
		t.Fatal(err)
	}
	expect(false, 9)
	if len(entry.Xattrs) != 1 {
		t.Errorf("%+v", entry.Xattrs)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect(false, 9) // its number of names changed; it can still be read
}

// TestLeasedFilesAreRead reads a file on which its owner has a lease, as Samba takes them.
func TestLeasedFilesAreRead(t *testing.T) {
	root := plant(t, "file")
	tree := open(t, root, Options{})
	found := find(t, walk(t, tree), "file")
	holder, err := os.OpenFile(filepath.Join(root, "file"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	fd := holder.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.OpenFile("file", &found.Entry); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("with a lease that nobody gives back: %v", err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			lease, err := unix.FcntlInt(fd, unix.F_GETLEASE, 0)
			if err != nil || lease != unix.F_WRLCK { // it is asked for
				unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
				return
			}
			runtime.Gosched()
		}
	})
	defer running.Wait()
	if got := content1(t, tree, found); got != "file" {
		t.Errorf("%q", got)
	}
}
