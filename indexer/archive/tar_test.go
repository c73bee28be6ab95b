package archive

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// run runs a program of the system in dir.
func run(t testing.TB, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// pack makes an archive of dir with the system's tar and returns its bytes.
func pack(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.tar")
	run(t, dir, "tar", append([]string{"-cf", file}, args...)...)
	return load(t, file)
}

func load(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o640))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// account makes a tree with what occurs in accounts and is awkward in archives. Names fit into the header
// unless long is set.
func account(t testing.TB, long bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "alice")
	write(t, dir+"/cp/alice", "USER=alice\n")
	write(t, dir+"/empty", "")
	write(t, dir+"/homedir/exact", strings.Repeat("x", 1024))
	write(t, dir+"/homedir/odd", strings.Repeat("odd", 1001))
	write(t, dir+"/homedir/line\nfeed", "n")
	write(t, dir+"/homedir/bad\xff\xfeutf8", "b")
	write(t, dir+"/homedir/ space * ? \\ '\"", "s")
	must(t, os.Mkdir(dir+"/homedir/hollow", 0o2750))
	must(t, os.Link(dir+"/homedir/odd", dir+"/homedir/second"))
	must(t, os.Symlink("public_html", dir+"/homedir/www"))
	must(t, os.Symlink("/etc/apache2/logs", dir+"/homedir/access-logs"))
	must(t, os.Chmod(dir+"/homedir/exact", 0o4755|fs.ModeSetuid))
	must(t, os.Lchown(dir+"/homedir/odd", 1234, 5678))
	if long {
		must(t, os.Lchown(dir+"/homedir/exact", 3_000_000, 4_000_000_000))
		write(t, dir+"/homedir/"+strings.Repeat("l", 255), "long")
		write(t, dir+"/"+strings.Repeat("deep/", 300)+"file", "deep")
		must(t, os.Symlink(strings.Repeat("t/", 150)+"t", dir+"/homedir/longlink"))
		must(t, os.Link(dir+"/homedir/"+strings.Repeat("l", 255), dir+"/homedir/hard"))
		at := unix.NsecToTimespec(-1_500_000_000)
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/empty", []unix.Timespec{at, at}, 0))
	}
	return dir
}

// special adds what only root can make.
func special(t testing.TB, dir string) {
	t.Helper()
	must(t, syscall.Mkfifo(dir+"/fifo", 0o600))
	must(t, syscall.Mknod(dir+"/null", syscall.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(t, syscall.Mknod(dir+"/disk", syscall.S_IFBLK|0o660, int(unix.Mkdev(259, 70000))))
}

// ns is how exact a dialect tells times.
type dialectCase struct {
	name    string
	args    []string
	long    bool
	special bool
	ns      int64
}

func dialects() []dialectCase {
	return []dialectCase{
		{"v7", []string{"--format=v7"}, false, false, 1e9},
		{"oldgnu", []string{"--format=oldgnu"}, true, true, 1e9},
		{"gnu", []string{"--format=gnu"}, true, true, 1e9},
		{"ustar", []string{"--format=ustar"}, false, true, 1e9},
		{"posix", []string{"--format=posix"}, true, true, 1},
		{"posix numeric", []string{"--format=posix", "--numeric-owner", "--acls", "--xattrs"}, true, true, 1},
	}
}

//check:without needs pigz and bsdtar
func TestTarDialectsMatchTheDisk(t *testing.T) {
	t.Parallel()
	for _, c := range dialects() {
		t.Run(c.name, func(t *testing.T) {
			dir := account(t, c.long)
			if c.special {
				special(t, dir)
			}
			data := pack(t, filepath.Dir(dir), append(c.args, "./alice")...)
			rec, res := scanBytes(t, data, Options{})
			if res.Status != backup.Complete || res.Refused != 0 {
				t.Fatalf("result %+v", res)
			}
			checkSane(t, rec)
			compareTree(t, filepath.Dir(dir), data, rec, c.ns)
		})
	}
}

// compareTree compares everything below top with the members.
func compareTree(t testing.TB, top string, data []byte, rec *recorder, ns int64) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == top {
			return err
		}
		rel, _ := filepath.Rel(top, path)
		seen++
		m := rec.find(t, rel)
		compareFile(t, path, data, rec, m, ns)
		return nil
	})
	must(t, err)
	if seen != len(rec.members) {
		t.Errorf("%d files, %d members", seen, len(rec.members))
	}
}

func compareFile(t testing.TB, path string, data []byte, rec *recorder, m *Member, ns int64) {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	if m.Link != "" { // the disk knows no first name
		m2 := *rec.find(t, m.Link)
		m2.Path, m2.Name = m.Path, m.Name
		m = &m2
	}
	mtime := st.Mtim.Nano()
	if ns > 1 {
		mtime = st.Mtim.Sec * ns
	}
	got := fmt.Sprint(m.Mode, m.UID, m.GID, m.MTime, m.Rdev, m.Name)
	want := fmt.Sprint(st.Mode, st.Uid, st.Gid, mtime, st.Rdev, filepath.Base(path))
	if got != want {
		t.Errorf("%q: got %s, want %s", m.Path, got, want)
	}
	switch m.Mode & backup.ModeType {
	case backup.ModeDir:
		if m.Offset != m.Header || m.Size != 0 {
			t.Errorf("%q: directory at %d, header at %d, size %d", m.Path, m.Offset, m.Header, m.Size)
		}
	case backup.ModeSymlink:
		if target, err := os.Readlink(path); err != nil || target != m.Target {
			t.Errorf("%q: target %q, want %q, %v", m.Path, m.Target, target, err)
		}
	case backup.ModeRegular:
		if m.Size != st.Size {
			t.Fatalf("%q: size %d, want %d", m.Path, m.Size, st.Size)
		}
		if m.Size > maxExpanded {
			return
		}
		content := load(t, path)
		if !bytes.Equal(expand(t, data, m), content) {
			t.Errorf("%q: other bytes at the offset", m.Path)
		}
		if kept, ok := rec.content[m.Path]; m.Header == rec.find(t, m.Path).Header && (!ok || !bytes.Equal(kept, content)) {
			t.Errorf("%q: other bytes delivered", m.Path)
		}
	}
}
