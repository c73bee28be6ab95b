package fs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// childEnv makes this test binary a daemon that mounts at the path it holds; see TestMain.
const childEnv = "SLOTFS_TEST_MOUNT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir, mountOne))
	}
	if dir := os.Getenv(benchEnv); dir != "" {
		os.Exit(child(dir, millionChild))
	}
	os.Exit(m.Run())
}

// child serves at dir until it is killed.
func child(dir string, serve func(string) error) int {
	if err := serve(dir); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}

// mountOne mounts a snapshot without a tree.
func mountOne(dir string) error {
	w := fstest.NewWorld()
	w.AddBare(fstest.Source("alice", "2026-01-05"))
	m, err := Mount(context.Background(), dir, config(w))
	if err != nil {
		return err
	}
	os.Stdout.WriteString("ok\n")
	m.Wait()
	return nil
}

// daemon starts a child and waits until it serves.
func daemon(t testing.TB, dir, env string) *exec.Cmd {
	t.Helper()
	needRoot(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ok\n" {
		t.Fatalf("child: %q, %v", line, err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		for len(mounts(dir)) > 0 && unix.Unmount(dir, unix.MNT_DETACH) == nil {
			continue
		}
	})
	return cmd
}

func TestADeadMountIsReplaced(t *testing.T) {
	dir := t.TempDir()
	d := daemon(t, dir, childEnv)
	// The kernel goes on answering stat of the dead mount from what it knows.
	if _, err := os.Stat(dir + "/box"); err != nil {
		t.Fatal(err)
	}
	must(t, d.Process.Kill())
	d.Wait()
	if !ours(mounts(dir)[0]) {
		t.Fatal("no dead mount to replace")
	}
	m, err := Mount(t.Context(), dir, config(oneFile(t)))
	must(t, err)
	if got := mounts(dir); len(got) != 1 {
		t.Errorf("mounted %d times", len(got))
	}
	if data, err := os.ReadFile(dir + "/" + oneFilePath); err != nil || string(data) != "0123456789" {
		t.Errorf("%q, %v", data, err)
	}
	must(t, m.Unmount())
	m.Wait()
}

func TestAHungMountIsReplaced(t *testing.T) {
	dir := t.TempDir()
	d := daemon(t, dir, childEnv)
	must(t, d.Process.Signal(unix.SIGSTOP))
	stopped := unix.WaitStatus(0)
	_, err := unix.Wait4(d.Process.Pid, &stopped, unix.WUNTRACED, nil)
	must(t, err)
	if probe(t.Context(), dir, 50*time.Millisecond) {
		t.Error("a stopped daemon counts as alive")
	}
	m, err := Mount(t.Context(), dir, config(oneFile(t)))
	must(t, err)
	if _, err := os.Stat(dir + "/" + oneFilePath); err != nil {
		t.Error(err)
	}
	must(t, m.Unmount())
	m.Wait()
}

func TestALiveMountIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	daemon(t, dir, childEnv)
	_, err := Mount(t.Context(), dir, config(oneFile(t)))
	var hint interface{ Hint() string }
	if !errors.Is(err, ErrAlreadyMounted) || !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("%v", err)
	}
	if !Mounted(t.Context(), dir) || len(mounts(dir)) != 1 {
		t.Errorf("mounts: %v", mounts(dir))
	}
	unmount(t, dir)
	if _, err := Unmount(dir); !errors.Is(err, ErrNotMounted) || len(mounts(dir)) != 0 {
		t.Errorf("%v, %v", err, mounts(dir))
	}
}

func TestAMountIsFoundThroughLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(dir+"/real", 0o755))
	must(t, os.Symlink("real", dir+"/link"))
	must(t, os.Symlink(dir+"/link", dir+"/far"))
	daemon(t, dir+"/real", childEnv)
	if _, err := Mount(t.Context(), dir+"/far", config(oneFile(t))); !errors.Is(err, ErrAlreadyMounted) {
		t.Errorf("%v", err)
	}
	unmount(t, dir+"/far")
	must(t, os.Symlink("loop", dir+"/loop"))
	if _, err := Mount(t.Context(), dir+"/loop", config(oneFile(t))); !errors.Is(err, unix.ELOOP) {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeAMountpointIsRefused(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	write(t, dir+"/file", "x")
	for path, want := range map[string]error{
		dir + "/none": iofs.ErrNotExist,
		dir + "/file": unix.ENOTDIR,
		dir:           ErrNotEmpty,
	} {
		m, err := Mount(t.Context(), path, config(oneFile(t)))
		if !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if m != nil {
			t.Error(m.Unmount())
		}
	}
}

func TestOtherMountsAreNotTouched(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	must(t, unix.Mount("none", dir, "tmpfs", 0, ""))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if _, err := Unmount(dir); !errors.Is(err, ErrNotMounted) {
		t.Errorf("%v", err)
	}
	write(t, dir+"/x", "")
	if _, err := Mount(t.Context(), dir, config(oneFile(t))); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("%v", err)
	}
	must(t, os.Remove(dir+"/x"))
	m, err := Mount(t.Context(), dir, config(oneFile(t)))
	must(t, err)
	must(t, m.Unmount())
	m.Wait()
	if all := mounts(dir); len(all) != 1 || all[0].FSType != "tmpfs" {
		t.Errorf("%v", all)
	}
}

func TestABusyMountServesOnUntilItIsClosed(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	m, err := Mount(t.Context(), dir, config(oneFile(t)))
	must(t, err)
	f, err := os.Open(dir + "/" + oneFilePath)
	must(t, err)
	must(t, m.Unmount())
	must(t, m.Unmount())
	if len(mounts(dir)) != 0 || len(names(t, dir)) != 0 {
		t.Errorf("still mounted: %v", mounts(dir))
	}
	buf := make([]byte, 20)
	if n, err := f.ReadAt(buf, 0); string(buf[:n]) != "0123456789" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	select {
	case <-m.served:
		t.Error("the server ended while a file was open")
	default:
	}
	must(t, f.Close())
	m.Wait()
	if n := m.raw.files.len() + m.raw.dirs.len(); n != 0 {
		t.Errorf("%d handles left", n)
	}
}

func TestAMountThatSomebodyElseTookAway(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	m, err := Mount(t.Context(), dir, config(oneFile(t)))
	must(t, err)
	must(t, unix.Unmount(dir, 0))
	m.Wait()
	must(t, m.Unmount())
	must(t, m.Refresh(t.Context()))
}

func TestReadAheadIsRaised(t *testing.T) {
	c := config(oneFile(t))
	c.ReadAhead = 2048
	_, mnt := mount(t, c)
	data, err := os.ReadFile(filepath.Join("/sys/class/bdi", fmt.Sprintf("%d:%d", mounts(mnt)[0].Major, mounts(mnt)[0].Minor), "read_ahead_kb"))
	if err != nil || strings.TrimSpace(string(data)) != "2048" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestCustomersSeeTheirOwnBackupsAndNobodyElses(t *testing.T) {
	w := fstest.NewWorld()
	parts := accountParts()
	parts.Full = ""
	parts.Grafts[0].From = "homedir"
	member := []fstest.Member{fstest.Dir("homedir"), fstest.File("homedir/f", "mine"), fstest.File("shadow", "hash")}
	for i := range member {
		member[i].UID, member[i].GID = 1001, 1001
	}
	member[1].Mode = member[1].Mode&^0o777 | 0o600
	for _, account := range []string{"alice", "bob"} {
		w.Add(t, fstest.Source(account, "2026-01-05"), parts, member...)
	}
	c := config(w)
	c.AllowOther = true
	c.Owner = func(s *backup.Snapshot) view.Local {
		uid, ok := map[string]uint32{"alice": 61001, "bob": 61002}[s.Account]
		return view.Local{UID: uid, GID: uid, OK: ok}
	}
	all, err := w.Snapshots(t.Context(), "")
	must(t, err)
	for _, s := range all {
		s.Owner = &backup.Owner{UID: 1001, GID: 1001}
	}
	_, mnt := mount(t, c)
	must(t, os.Chmod(filepath.Dir(mnt), 0o755))
	as := func(uid, path string) string {
		out, err := exec.Command("setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "cat", mnt+"/box/accounts/"+path).Output()
		if err != nil {
			return err.Error()
		}
		return string(out)
	}
	const denied = "exit status 1"
	for _, c := range []struct{ uid, path, want string }{
		{"61001", "alice/latest/files/f", "mine"},
		{"61001", "bob/latest/files/f", denied},
		{"61001", "alice/latest/full/shadow", denied},
		{"61001", "alice/latest/archive/alice.tar.gz", denied},
		{"61002", "bob/latest/files/f", "mine"},
		{"0", "bob/latest/full/shadow", "hash"},
	} {
		if got := as(c.uid, c.path); got != c.want {
			t.Errorf("%s reads %s: %q, want %q", c.uid, c.path, got, c.want)
		}
	}
}

// unmount takes a mount away as others do.
func unmount(t *testing.T, dir string) {
	t.Helper()
	_, err := Unmount(dir)
	must(t, err)
}
