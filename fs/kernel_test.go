package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/fs/fstest"
)

func TestNewSnapshotsAppearAtOnce(t *testing.T) {
	w := oneFile(t)
	m, mnt := mount(t, config(w))
	account := mnt + "/box/accounts/alice"
	ls := func() string { return strings.Join(names(t, account), " ") }
	// Everything that a kernel may remember is asked for first.
	if ls() != "2026-01-05 latest" || readlink(t, account+"/latest") != "2026-01-05" {
		t.Fatal(ls())
	}
	if _, err := os.Stat(account + "/2026-01-06"); !errors.Is(err, iofs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := os.Stat(mnt + "/box/accounts/bob"); !errors.Is(err, iofs.ErrNotExist) {
		t.Fatal(err)
	}
	next := fstest.Source("alice", "2026-01-06")
	next.Time = next.Time.Add(24 * time.Hour)
	w.Add(t, next, nil, fstest.File("f", "new"))
	w.Add(t, fstest.Source("bob", "2026-01-06"), nil, fstest.File("f", "bob"))
	must(t, m.Refresh(t.Context()))
	if ls() != "2026-01-05 2026-01-06 latest" || readlink(t, account+"/latest") != "2026-01-06" {
		t.Errorf("after a refresh: %s, latest %s", ls(), readlink(t, account+"/latest"))
	}
	for path, want := range map[string]string{account + "/latest/full/f": "new", mnt + "/box/accounts/bob/latest/full/f": "bob"} {
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	w.Remove(1)
	must(t, m.Refresh(t.Context()))
	if ls() != "2026-01-06 latest" {
		t.Errorf("after a snapshot went: %s", ls())
	}
	if _, err := os.Stat(account + "/2026-01-05/full/f"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("gone snapshot: %v", err)
	}
}

func TestAReplacedSnapshotIsReadAnew(t *testing.T) {
	w := oneFile(t)
	m, mnt := mount(t, config(w))
	path := mnt + "/" + oneFilePath
	if data, err := os.ReadFile(path); err != nil || string(data) != "0123456789" {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Dir(path))
	must(t, err)
	defer f.Close()
	w.Remove(1)
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.File("f", "second"))
	must(t, m.Refresh(t.Context()))
	if data, err := os.ReadFile(path); err != nil || string(data) != "second" {
		t.Errorf("%q, %v", data, err)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(int(f.Fd()), "none", &st, 0); !errors.Is(err, unix.ESTALE) {
		t.Errorf("a folder of the old snapshot: %v", err)
	}
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func readlink(t testing.TB, path string) string {
	t.Helper()
	target, err := os.Readlink(path)
	must(t, err)
	return target
}

func TestEveryChangeIsRefused(t *testing.T) {
	_, mnt := mount(t, config(oneFile(t)))
	file, dir := mnt+"/"+oneFilePath, filepath.Dir(mnt+"/"+oneFilePath)
	buf := []byte("x")
	for name, try := range map[string]func() error{
		"create":      func() error { return os.WriteFile(dir+"/new", buf, 0o600) },
		"open":        func() error { _, err := os.OpenFile(file, os.O_RDWR, 0); return err },
		"truncate":    func() error { return os.Truncate(file, 0) },
		"mkdir":       func() error { return os.Mkdir(dir+"/new", 0o700) },
		"mkdir top":   func() error { return os.Mkdir(mnt+"/new", 0o700) },
		"mknod":       func() error { return unix.Mkfifo(dir+"/new", 0o600) },
		"symlink":     func() error { return os.Symlink("x", dir+"/new") },
		"link":        func() error { return os.Link(file, dir+"/new") },
		"rename":      func() error { return os.Rename(file, dir+"/new") },
		"remove":      func() error { return unix.Unlink(file) },
		"rmdir":       func() error { return unix.Rmdir(dir) },
		"chmod":       func() error { return os.Chmod(file, 0o777) },
		"chown":       func() error { return os.Chown(file, 1, 1) },
		"utimes":      func() error { return os.Chtimes(file, time.Now(), time.Now()) },
		"setxattr":    func() error { return unix.Setxattr(file, "user.a", buf, 0) },
		"removexattr": func() error { return unix.Removexattr(file, "user.a") },
	} {
		if err := try(); !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, option := range []string{"ro", "nosuid", "nodev"} {
		line := run(t, "findmnt", "-n", "-o", "FSTYPE,SOURCE,OPTIONS", mnt)
		if !strings.HasPrefix(line, "fuse.slotfs slotfs") || !slices.Contains(strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' }), option) {
			t.Errorf("no %s in %q", option, line)
		}
	}
}

func TestDfAndAttributesNeedNoContent(t *testing.T) {
	w := fstest.NewWorld()
	s := fstest.Source("alice", "2026-01-05")
	s.Content = 1 << 30
	w.Add(t, s, nil, fstest.File("f", "x"))
	c := config(w)
	c.Content = func(string) Content { t.Error("content was asked for"); return nil }
	_, mnt := mount(t, c)
	run(t, "find", mnt, "-ls")
	var st unix.Statfs_t
	must(t, unix.Statfs(mnt, &st))
	if (st.Blocks-st.Bfree)*uint64(st.Bsize) != 1<<30 || st.Namelen != 255 {
		t.Errorf("%+v", st)
	}
	if st.Bavail*2 < st.Blocks || st.Ffree*2 < st.Files {
		t.Errorf("the file system looks full: %+v", st)
	}
}

func TestRandomReadsAreTheSource(t *testing.T) {
	dir := difficult(t)
	full := local(t, dir) + "/full/homedir/"
	for _, name := range []string{"plain", "sparse", "second"} {
		want, err := os.ReadFile(dir + "/homedir/" + name)
		must(t, err)
		f, err := os.Open(full + name)
		must(t, err)
		defer f.Close()
		for i := range 200 {
			off := (i * 7919 * 13) % (len(want) + 10)
			size := 1 + (i*i*977)%(300<<10)
			buf := make([]byte, size)
			n, err := f.ReadAt(buf, int64(off))
			end := min(off+size, len(want))
			if err != nil && err != io.EOF || string(buf[:n]) != string(want[min(off, len(want)):max(end, min(off, len(want)))]) {
				t.Fatalf("%s %d+%d: %d bytes, %v", name, off, size, n, err)
			}
		}
	}
	f, err := os.Open(full + "sparse")
	must(t, err)
	defer f.Close()
	var at []int64
	for _, whence := range []int{unix.SEEK_DATA, unix.SEEK_HOLE, unix.SEEK_DATA, unix.SEEK_HOLE} {
		from := int64(0)
		if len(at) > 0 {
			from = at[len(at)-1]
		}
		to, err := f.Seek(from, whence)
		must(t, err)
		at = append(at, to)
	}
	if at[0] != 1<<20 || at[1] != 1<<20+64<<10 || at[3] != 10<<20 {
		t.Errorf("data and holes at %d", at)
	}
}

func TestTheConnectionIsNotInherited(t *testing.T) {
	mount(t, config(oneFile(t)))
	descriptors, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	found := 0
	for _, d := range descriptors {
		if to, err := os.Readlink("/proc/self/fd/" + d.Name()); err != nil || to != "/dev/fuse" {
			continue
		}
		found++
		fd, err := strconv.Atoi(d.Name())
		must(t, err)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d: flags %#x, %v", fd, flags, err)
		}
	}
	if found == 0 {
		t.Error("no connection to the kernel is open")
	}
}

func TestAKilledReaderDies(t *testing.T) {
	asked := make(chan struct{}, 100)
	c := withContent(oneFile(t), func(ctx context.Context, _ []byte, _ int64) (int, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return 0, ctx.Err()
	})
	_, mnt := mount(t, c, func(r *raw) { r.grace = 10 * time.Millisecond })
	cat := exec.Command("cat", mnt+"/"+oneFilePath)
	must(t, cat.Start())
	<-asked
	must(t, cat.Process.Kill())
	var status *exec.ExitError
	if err := cat.Wait(); !errors.As(err, &status) || status.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("%v", err)
	}
	names(t, mnt+"/box/accounts/alice/latest/full")
}

func TestABlockedDestinationDoesNotBlockTheRest(t *testing.T) {
	asked := make(chan struct{}, 1000)
	w := fstest.NewWorld()
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.File("f", "0123456789"))
	other := fstest.Source("alice", "2026-01-05")
	other.Destination = "well"
	w.Add(t, other, nil, fstest.File("f", "0123456789"))
	c := config(w)
	c.Content = func(destination string) Content {
		if destination == "well" {
			return memory{w}
		}
		return hasty{func(ctx context.Context, _ []byte, _ int64) (int, error) {
			asked <- struct{}{}
			<-ctx.Done()
			return 0, ctx.Err()
		}, 200 * time.Millisecond}
	}
	_, mnt := mount(t, c)
	failed := make(chan error, 5)
	for range cap(failed) {
		go func() {
			_, err := os.ReadFile(mnt + "/" + oneFilePath)
			failed <- err
		}()
	}
	<-asked
	if data, err := os.ReadFile(mnt + "/well/accounts/alice/latest/full/f"); err != nil || string(data) != "0123456789" {
		t.Errorf("the other destination: %q, %v", data, err)
	}
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, unix.EIO) {
			t.Errorf("read past the deadline: %v", err)
		}
	}
	log, err := os.ReadFile(mnt + "/.slotfs/errors.log")
	if err != nil || !strings.Contains(string(log), oneFilePath+": read 10 bytes at 0: no answer in time") {
		t.Errorf("errors.log: %q, %v", log, err)
	}
}

func TestReadersOfOnePageFailTogether(t *testing.T) {
	w := fstest.NewWorld()
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.File("f", "0123456789"))
	c := config(w)
	var asked atomic.Int32
	c.Content = func(string) Content {
		return hasty{func(ctx context.Context, _ []byte, _ int64) (int, error) {
			asked.Add(1)
			<-ctx.Done()
			return 0, ctx.Err()
		}, 300 * time.Millisecond}
	}
	_, mnt := mount(t, c)
	failed := make(chan error, 30)
	var all []*os.File
	for range cap(failed) {
		f, err := os.Open(mnt + "/" + oneFilePath)
		must(t, err)
		defer f.Close()
		all = append(all, f)
	}
	for _, f := range all {
		go func() {
			_, err := f.Read(make([]byte, 100))
			failed <- err
		}()
	}
	for range all {
		if err := <-failed; !errors.Is(err, unix.EIO) {
			t.Errorf("read: %v", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("waited %d times, one after the other", n)
	}
	if told := run(t, "cat", mnt+"/.slotfs/errors.log"); strings.Count(told, "\n") != 1 {
		t.Errorf("errors.log has\n%s", told)
	}
}

func TestASilentDestinationLeavesReadAheadToOthers(t *testing.T) {
	const size = 64 << 20
	w := fstest.NewWorld()
	var members []fstest.Member
	for i := range 80 {
		f := fstest.File(fmt.Sprint("f", i), "")
		f.Size = size
		members = append(members, f)
	}
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, members...)
	other := fstest.Source("alice", "2026-01-05")
	other.Destination = "well"
	w.Add(t, other, nil, members...)
	asked := make(chan struct{}, 10000)
	c := config(w)
	c.Content = func(destination string) Content {
		return scripted(func(ctx context.Context, p []byte, _ int64) (int, error) {
			if destination == "well" {
				return len(p), nil
			}
			asked <- struct{}{}
			<-ctx.Done()
			return 0, ctx.Err()
		})
	}
	_, mnt := mount(t, c, func(r *raw) { r.limiters.patience, r.grace = 100*time.Millisecond, time.Millisecond })
	for i := range members {
		dd := exec.Command("dd", "if="+mnt+"/box/accounts/alice/latest/full/f"+fmt.Sprint(i), "of=/dev/null", "bs=1M", "status=none")
		must(t, dd.Start())
		t.Cleanup(func() {
			dd.Process.Kill()
			dd.Wait()
		})
	}
	for range silentReads {
		<-asked
	}
	run(t, "dd", "if="+mnt+"/well/accounts/alice/latest/full/f0", "of=/dev/null", "bs=1M", "status=none")
}

func TestFilesOfDotSlotfsAreOfTheMoment(t *testing.T) {
	w := oneFile(t)
	m, mnt := mount(t, config(w))
	read := func() string {
		data, err := os.ReadFile(mnt + "/.slotfs/status.json")
		must(t, err)
		var st unix.Stat_t
		must(t, unix.Stat(mnt+"/.slotfs/status.json", &st))
		if st.Size != int64(len(data)) {
			t.Errorf("%d bytes of %d", len(data), st.Size)
		}
		return string(data)
	}
	before := read()
	w.Add(t, fstest.Source("carol", "2026-01-05"), nil, fstest.File("f", "x"))
	must(t, m.Refresh(t.Context()))
	if after := read(); !strings.Contains(before, `"complete": 1`) || !strings.Contains(after, `"complete": 2`) {
		t.Errorf("before %s\nafter %s", before, after)
	}
	run(t, "cp", mnt+"/.slotfs/status.json", t.TempDir())
}
