package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// dead mounts a FUSE file system that nobody serves: whoever touches it waits until the test ends.
func (w *world) dead(dir string) {
	w.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	o := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device.Fd())
	if err := unix.Mount("dead", dir, "fuse.dead", 0, o); err != nil {
		device.Close()
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := errors.Join(device.Close(), unix.Unmount(dir, unix.MNT_DETACH)); err != nil {
			w.t.Error(err)
		}
	})
}

// TestADeadMountCostsItsAccountAlone has one in an account's home, which is left out, and one that is a home.
func TestADeadMountCostsItsAccountAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := w.box()
	w.dead(filepath.Join(home, "alice", "mnt"))
	w.dead(filepath.Join(home, "carol"))
	w.must(0, "job", "add", "j", "--destination", "box", "--source", home+"/*", "--retention", "2", "--stall-timeout", "1s")
	for range 2 {
		said := w.must(3, "sync", "j").err
		if !strings.Contains(said, "carol: the source does not answer") || !strings.Contains(said, "mnt (fuse.dead)") {
			t.Errorf("it says %s", said)
		}
	}
	for _, account := range []string{"alice", "bob"} {
		path := filepath.Join(w.store, "j", account, "slot-02/data/public_html/index.php")
		if data, err := os.ReadFile(path); err != nil || string(data) != "<?php // "+account {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
}
