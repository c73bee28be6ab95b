package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotfs/cmd/internal/service/api"
)

// eventually waits for something that another process does. It gives up after so long that only a hang takes it.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: never came", what)
}

func TestFilesComeBackThroughTheMount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.backup("alice", "2026-01-04"), w.backup("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	if r := w.must(0, "index"); !strings.Contains(r.out, "offsite: 2 backups found: 2 read, 0 unchanged") {
		t.Errorf("index says %q", r.out)
	}
	w.mount()
	alice := filepath.Join(w.mnt, "offsite", "accounts", "alice")
	for path, want := range map[string]string{
		"2026-01-04/databases/alice_shop.sql": first, "latest/databases/alice_shop.sql": second,
		"latest/files/public_html/index.php": "<?php echo 'alice 2026-01-05';\n",
	} {
		to := filepath.Join(w.dir, "restored")
		if out, err := exec.Command("cp", filepath.Join(alice, path), to).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v\n%s", err, out)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v; want %d", path, len(got), err, len(want))
		}
		if r := w.must(0, "cat", "offsite/accounts/alice/"+path); r.out != want {
			t.Errorf("cat %s: %d bytes, want %d", path, len(r.out), len(want))
		}
	}
	withMount := w.must(0, "ls", "-l", "offsite/accounts/alice/latest").out
	w.must(0, "umount", w.mnt)
	if w.owner() != 0 {
		t.Error("umount returned before its process was gone")
	}
	if without := w.must(0, "ls", "-l", "offsite/accounts/alice/latest").out; without != withMount {
		t.Errorf("without a mount ls shows\n%swith one\n%s", without, withMount)
	}
	if got := w.must(0, "cat", "/offsite/accounts/alice/2026-01-04/databases/alice_shop.sql").out; got != first {
		t.Errorf("cat without a mount: %d bytes, want %d", len(got), len(first))
	}
	w.refused(1, "no such file", "cat", "offsite/accounts/bob")
	w.refused(1, "is a directory", "cat", "offsite/accounts")
}

func TestMountShowsWhatAPassFinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	w.must(0, w.addArgs("offsite")...)
	w.mount()
	days := func() string {
		names, err := os.ReadDir(filepath.Join(w.mnt, "offsite", "accounts", "alice"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		var all []string
		for _, n := range names {
			all = append(all, n.Name())
		}
		return strings.Join(all, " ")
	}
	if got := days(); got != "" {
		t.Errorf("before a pass: %q", got)
	}
	w.must(0, "index")
	if got := days(); got != "2026-01-04 latest" {
		t.Errorf("after a pass: %q", got)
	}
	w.backup("alice", "2026-01-05")
	if r := w.must(0, "index", "offsite", "--json"); !strings.Contains(r.out, `"read": 1`) {
		t.Errorf("index --json says\n%s", r.out)
	}
	if got := days(); got != "2026-01-04 2026-01-05 latest" {
		t.Errorf("after the second pass: %q", got)
	}
	var r api.Report
	if err := json.Unmarshal([]byte(w.must(0, "status", "--json").out), &r); err != nil || r.Mountpoint != w.mnt || r.Index.Snapshots != 2 {
		t.Errorf("status: %+v, %v", r, err)
	}
	if r := w.must(0, "status"); !strings.Contains(r.out, "2 complete") || !strings.Contains(r.out, "mounted at "+w.mnt) {
		t.Errorf("status says\n%s", r.out)
	}
	w.refused(4, "index in use", "index", "--rebuild")
	w.refused(4, "mounted there already", "mount", w.mnt)
	w.refused(4, "index in use", "mount", w.store)
	w.must(0, "destination", "remove", "offsite", "--yes")
	if _, err := os.Stat(filepath.Join(w.mnt, "offsite")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the removed destination is shown: %v", err)
	}
}

func TestPartialPassIsExitCode3(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	w.backup("bob", "2026-01-04")
	cut := filepath.Join(w.store, "2026-01-04", "accounts", "bob.tar.gz")
	if err := os.Truncate(cut, 1000); err != nil {
		t.Fatal(err)
	}
	w.must(0, w.addArgs("offsite")...)
	r := w.must(3, "index")
	if !strings.Contains(r.out, "1 not complete") || strings.Count(r.err, "bob.tar.gz: truncated") != 1 {
		t.Errorf("index says\n%s%s", r.out, r.err)
	}
	if r := w.must(0, "status"); !strings.Contains(r.out, "1 complete, 1 truncated") || !strings.Contains(r.out, "bob.tar.gz") {
		t.Errorf("status says\n%s", r.out)
	}
}

func TestUnreachableDestinationSpoilsNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	data, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	dead := strings.NewReplacer("destination.offsite", "destination.dead", "port = ", "max-retries = 1\nport = 1 # ").Replace(string(data))
	if err := os.WriteFile(w.config, append(data, dead...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.refused(5, "connection refused", "index", "dead")
	w.must(3, "index")
	w.mount() // the network of one destination is down
	if _, err := os.Stat(filepath.Join(w.mnt, "offsite", "accounts", "alice", "latest", "files")); err != nil {
		t.Error(err)
	}
	w.refused(5, "connection refused", "index", "dead")
	if r := w.must(0, "status"); !strings.Contains(r.out, "failed") {
		t.Errorf("status says\n%s", r.out)
	}
}

func TestForegroundMountTellsSystemdAndEndsWithASignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(w.dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	c := w.command("mount", "--foreground", w.mnt)
	c.Env = append(c.Env, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=300000")
	var log bytes.Buffer
	c.Stderr = &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer exec.Command("umount", "-l", w.mnt).Run() // if it stays
	heard := func() string {
		b := make([]byte, 4096)
		manager.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := manager.Read(b)
		if err != nil {
			c.Process.Kill()
			t.Fatalf("service manager: %v\n%s", err, log.String())
		}
		return string(b[:n])
	}
	if got := heard(); !strings.HasPrefix(got, "READY=1\n") {
		t.Errorf("first word %q", got)
	}
	if _, err := os.Stat(filepath.Join(w.mnt, ".slotfs", "status.json")); err != nil {
		t.Errorf("READY before the mount answers: %v", err)
	}
	said := map[string]bool{}
	hear := func(want string) {
		for !said[want] {
			said[heard()] = true
		}
	}
	hear("STATUS=mounted at " + w.mnt + "; 0 destinations, 0 snapshots")
	hear("WATCHDOG=1")
	c.Process.Signal(syscall.SIGHUP)
	c.Process.Signal(syscall.SIGTERM)
	hear("STOPPING=1")
	if err := c.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, log.String())
	}
	if _, err := os.Stat(filepath.Join(w.mnt, ".slotfs")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still mounted: %v", err)
	}
}

func TestMountAfterAKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(0, "mount", w.mnt)
	if err := syscall.Kill(w.owner(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the killed process", func() bool {
		_, err := os.ReadDir(w.mnt)
		return errors.Is(err, syscall.ENOTCONN)
	})
	w.must(0, "status")
	w.mount()
	if _, err := os.Stat(filepath.Join(w.mnt, ".slotfs")); err != nil {
		t.Error(err)
	}
}

func TestBusyMountServesWhoHasAFileOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := w.backup("alice", "2026-01-04")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	w.mount()
	pid := w.owner()
	f, err := os.Open(filepath.Join(w.mnt, "offsite/accounts/alice/latest/databases/alice_shop.sql"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mount's disappearance", func() bool {
		_, err := os.Stat(filepath.Join(w.mnt, ".slotfs"))
		return errors.Is(err, fs.ErrNotExist)
	})
	var got bytes.Buffer
	if _, err := got.ReadFrom(f); err != nil || got.String() != want {
		t.Errorf("read %d bytes, %v; want %d", got.Len(), err, len(want))
	}
	f.Close()
	eventually(t, "the end of the process", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

func TestMountpointErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	full := filepath.Join(w.dir, "full")
	file := filepath.Join(full, "file")
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.refused(1, "no such file", "mount", filepath.Join(w.dir, "missing"))
	w.refused(1, "not empty", "mount", full)
	w.refused(1, "not a directory", "mount", file)
	w.refused(1, "no slotfs is mounted there", "umount", w.mnt)
	w.refused(1, "no such file", "mount", "--foreground", filepath.Join(w.dir, "missing"))
	if w.owner() != 0 {
		t.Error("a process stayed behind")
	}
}

func TestMountWithoutFuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.command("mount", w.mnt)
	// A mount name space of its own, with a /dev that has no fuse.
	c.Args = append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /dev && mknod /dev/null c 1 3 && exec "$0" "$@"`}, c.Args...)
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	c.Path = path
	w.refusal(w.finish(c), 1, "no FUSE on this machine")
}

func TestCalledAsMountHelper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	helper := filepath.Join(w.dir, "mount.slotfs")
	if err := os.Symlink(built.program, helper); err != nil {
		t.Fatal(err)
	}
	options := "ro,_netdev,config=" + w.config + ",state_dir=" + w.state
	call := func(args ...string) result {
		c := w.command()
		c.Path, c.Args = helper, append([]string{helper}, args...)
		return w.finish(c)
	}
	w.refusal(call("backups"), 1, "mount helper")
	w.refusal(call("backups", w.mnt, "-o", "nope"), 1, "unknown mount option")
	w.refusal(call("backups", filepath.Join(w.dir, "missing"), "-o", options), 32, "no such file")
	if r := call("backups", w.mnt, "-o", options); r.code != 0 {
		t.Fatalf("%d\n%s", r.code, r.err)
	}
	w.must(0, "umount", w.mnt)
}
