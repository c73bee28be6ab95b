package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotfs/sftpdest/sshdtest"
)

func TestInterruptedPassKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	for _, mounted := range []bool{false, true} {
		w := newWorld(t)
		w.backup("alice", "2026-01-04")
		w.must(0, w.addArgs("offsite")...)
		link, err := sshdtest.Proxy(built.sshd.Address(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer link.Close()
		w.must(0, "index")
		w.through(link)
		w.backup("bob", "2026-01-04")
		if mounted {
			w.mount()
		}
		link.Stall()
		c := w.command("index")
		var out bytes.Buffer
		c.Stderr = &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the pass's connection", func() bool { return link.Dialed() > 0 })
		c.Process.Signal(os.Interrupt)
		c.Wait()
		if code := c.ProcessState.ExitCode(); code != 130 || out.String() != "slotfs: interrupted\n" {
			t.Errorf("mounted %v: exit code %d\n%s", mounted, code, out.String())
		}
		link.Resume()
		if r := w.must(0, "index"); !strings.Contains(r.out, "1 read, 1 unchanged") {
			t.Errorf("mounted %v: the next pass says %s", mounted, r.out)
		}
	}
}

func TestPassEndsWithTheMountThatMakesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(0, w.addArgs("offsite")...)
	link, err := sshdtest.Proxy(built.sshd.Address(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	w.through(link)
	w.mount()
	link.Stall()
	c := w.command("index")
	var out bytes.Buffer
	c.Stderr = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pass's connection", func() bool { return link.Dialed() > 0 })
	w.must(0, "umount", w.mnt)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 130 || !strings.Contains(out.String(), "interrupted by the end of the mount") {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
	if r := w.must(0, "status"); !strings.Contains(r.out, " interrupted") {
		t.Errorf("status says\n%s", r.out)
	}
}

// through puts a link between slotfs and the server.
func (w *world) through(link *sshdtest.Link) {
	w.t.Helper()
	data, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	_, port, _ := strings.Cut(link.Address(), ":")
	text := strings.Replace(string(data), "\nport = ", "\nport = "+port+" # ", 1)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestMountTellsWhenTheNextPassIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(0, w.addArgs("offsite", "--reindex", "every 1m")...)
	w.mount()
	r := w.must(0, "status")
	if strings.Count(r.out, time.Now().Format("2006-")) == 0 {
		t.Errorf("no next pass:\n%s", r.out)
	}
}

func TestSecondProcessIsToldWhoIsBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(0, w.addArgs("offsite")...)
	link, err := sshdtest.Proxy(built.sshd.Address(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	w.through(link)
	link.Stall()
	c := w.command("index")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pass's connection", func() bool { return link.Dialed() > 0 })
	w.refused(4, "a pass is running already", "index")
	if r := w.must(0, "status"); !strings.Contains(r.out, "works with the index") || !strings.Contains(r.out, "running since") {
		t.Errorf("status beside a pass:\n%s", r.out)
	}
	w.refused(4, "index in use", "mount", w.mnt)
	w.refused(4, "index in use", "index", "--rebuild")
	w.refused(4, "a pass is running already", "destination", "remove", "offsite", "--yes")
	w.must(0, "ls", "offsite")
	w.must(0, "destination", "show", "offsite")
	c.Process.Kill()
	c.Wait()
}

func TestDamagedIndexIsRebuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := w.backup("alice", "2026-01-04")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	files, err := filepath.Glob(filepath.Join(w.state, "index", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("index: %v, %v", files, err)
	}
	for _, f := range files {
		if err := os.WriteFile(f, []byte("not what it was"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := w.run("mount", w.mnt)
	w.refusal(r, 1, "index")
	if !strings.Contains(r.err, "--rebuild") {
		t.Errorf("no cure:\n%s", r.err)
	}
	w.must(0, "index", "--rebuild")
	if got := w.must(0, "cat", "offsite/accounts/alice/latest/databases/alice_shop.sql").out; got != want {
		t.Errorf("after the rebuild %d bytes, want %d", len(got), len(want))
	}
}

func TestFullDiskBelowTheStateDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	w.must(0, w.addArgs("offsite")...)
	if err := os.MkdirAll(w.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", w.state, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	defer syscall.Unmount(w.state, syscall.MNT_DETACH)
	r := w.run("index")
	w.refusal(r, 1, "no space left")
	if !strings.Contains(r.err, "slotfs: hint: ") {
		t.Errorf("no cure:\n%s", r.err)
	}
}

func TestOrdinaryUserIsToldWhereToLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	program := filepath.Join(w.dir, "slotfs")
	data, err := os.ReadFile(built.program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := w.dir; dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.must(0, w.addArgs("offsite")...)
	if err := os.Chmod(w.config, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status"}, {"index"}, {"mount", w.mnt}, {"destination", "remove", "offsite", "--yes"}} {
		c := w.command(args...)
		c.Path, c.Dir = program, "/"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		r := w.finish(c)
		w.refusal(r, 1, "permission denied")
		if !strings.Contains(r.err, "run as root") {
			t.Errorf("%v: no cure:\n%s", args, r.err)
		}
	}
}

func TestStateDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	out, err := exec.Command("find", w.state, "-perm", "/077").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("others may look into\n%s%v", out, err)
	}
}
