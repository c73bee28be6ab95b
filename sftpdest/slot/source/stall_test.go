package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mountDead mounts a FUSE file system that nobody serves: whoever touches it waits until the test ends.
func mountDead(t *testing.T, dir string) {
	t.Helper()
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device.Fd())
	if err := unix.Mount("dead", dir, "fuse.dead", unix.MS_NOSUID|unix.MS_NODEV, o); err != nil {
		device.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(device.Close(), unix.Unmount(dir, unix.MNT_DETACH)); err != nil {
			t.Error(err)
		}
	})
}

const patience = 500 * time.Millisecond // of tests for what does not answer

//check:without needs root
func TestMountsOfOthersAreLeftOut(t *testing.T) {
	root := plant(t, "a", "mnt/", "sub/also here/", "z")
	staged := plant(t, "mnt/")
	for _, dir := range []string{root + "/mnt", root + "/sub/also here", staged + "/mnt"} {
		mountDead(t, dir)
	}
	also := map[string]string{"sub/staged": staged}
	want := []string{"", "a", "mnt", "sub", "sub/also here", "sub/staged", "sub/staged/mnt", "z"}
	skipped := []string{"mnt (fuse.dead)", "sub/also here (fuse.dead)", "sub/staged/mnt (fuse.dead)"}
	for _, c := range []struct {
		o       Options
		want    []string
		skipped []string
	}{
		{Options{Also: also}, want, skipped},
		{Options{Also: also, OneFileSystem: true, StallTimeout: time.Minute}, want, nil},
		{Options{Also: also, Exclude: []string{"mnt/"}}, []string{"", "a", "sub", "sub/also here", "sub/staged", "z"}, skipped[1:2]},
	} {
		tree := open(t, root, c.o)
		if got := paths(walk(t, tree)); !slices.Equal(got, c.want) || !slices.Equal(tree.Skipped(), c.skipped) {
			t.Errorf("%+v: %q without %q", c.o, got, tree.Skipped())
		}
	}
	if !OnRemote([]string{root + "/*"}) || !OnRemote([]string{root + "/mnt/below"}) || !OnRemote([]string{"/none", root}) ||
		OnRemote([]string{root + "/z", filepath.Dir(root) + "/none"}) {
		t.Error("it is not known where file systems of others are")
	}
}

//check:without needs root
func TestSourcesThatDoNotAnswerAreGivenUp(t *testing.T) {
	root := plant(t, "home/alice/d/", "home/bob/d/a/", "home/carol/mnt/", "home/carol/file")
	mountDead(t, root+"/home/alice/d")
	mountDead(t, root+"/home/carol/mnt")
	if _, err := Open(root+"/home/alice/d", Options{StallTimeout: patience}); !errors.Is(err, ErrStalled) {
		t.Errorf("opened: %v", err)
	}
	if err := Check(root+"/home/alice/d", patience); !errors.Is(err, ErrStalled) {
		t.Errorf("checked: %v", err)
	}
	matches, err := Find(root+"/home/*/d/*", patience)
	if err != nil || len(matches) != 2 || !errors.Is(matches[0].Err, ErrStalled) || matches[0].Name != "alice" || matches[1].Path != root+"/home/bob/d/a" {
		t.Errorf("found %+v, %v", matches, err)
	}
	tree := open(t, root+"/home/carol", Options{NetworkFS: true, StallTimeout: patience})
	var last error
	for _, err := range tree.Walk(context.Background()) {
		last = err
	}
	if !errors.Is(last, ErrStalled) {
		t.Errorf("walked: %v", last)
	}
}

//check:without needs root
func TestWhoeverGivesUpIsLetGo(t *testing.T) {
	root := plant(t, "mnt/")
	mountDead(t, root+"/mnt")
	tree := open(t, root, Options{NetworkFS: true, StallTimeout: time.Hour})
	time.AfterFunc(patience, tree.GiveUp)
	for _, err := range tree.Walk(context.Background()) {
		if err != nil && !errors.Is(err, ErrStalled) {
			t.Error(err)
		}
	}
}

func TestCallsThatDoNotComeBackAreLeftAlone(t *testing.T) {
	w := newWatch(patience)
	defer w.end()
	block := make(chan struct{})
	defer close(block)
	if err := w.call(func() {}); err != nil || w.pending.Load() != 0 {
		t.Errorf("a call on a file system of this machine: %v", err)
	}
	w.files.Store(true)
	if err := w.call(func() {}); err != nil || w.done.Load() != 1 {
		t.Errorf("a call that comes back: %v", err)
	}
	if err := w.call(func() { <-block }); err != ErrStalled || w.pending.Load() != 1 {
		t.Errorf("a call that does not: %v", err)
	}
	if err := w.call(func() { t.Error("called again") }); err != ErrStalled {
		t.Errorf("the next one: %v", err)
	}
	var none *watch
	if err := none.call(func() {}); err != nil || none.given() {
		t.Errorf("without a watch: %v", err)
	}
}

// TestNobodyStallsWhileEntriesWait has a destination that is slow to take them.
func TestNobodyStallsWhileEntriesWait(t *testing.T) {
	w := newWatch(time.Hour)
	defer w.end()
	var left atomic.Bool
	n := 0
	for found, err := range w.watched(func(yield func(*Found, error) bool) {
		defer left.Store(true)
		for i := 0; i < 10*walkAhead; i++ {
			if !yield(&Found{Entry: entryAt(fmt.Sprint(i))}, nil) {
				return
			}
		}
		yield(nil, os.ErrInvalid)
	}) {
		if n == 10*walkAhead {
			if err != os.ErrInvalid {
				t.Errorf("at the end: %v", err)
			}
			break
		}
		if err != nil || found.Path != fmt.Sprint(n) {
			t.Fatalf("%d: %v, %v", n, found, err)
		}
		for n++; n%walkAhead == 1 && n < 9*walkAhead && w.pending.Load() != 0; {
			runtime.Gosched() // it waits for us, and not for the source
		}
	}
	if !left.Load() || w.pending.Load() != 0 {
		t.Error("the walk goes on")
	}
	for range w.watched(func(yield func(*Found, error) bool) {
		left.Store(false)
		defer left.Store(true)
		for yield(&Found{}, nil) {
		}
	}) {
		break
	}
	if !left.Load() {
		t.Error("a walk that nobody wants goes on")
	}
}

func TestWhatAnotherMachineAnswersForIsRemote(t *testing.T) {
	for kind, want := range map[string]bool{"sysfs": false, "ext4": false, "fuse.sshfs": true, "nfs4": true} {
		if remote(&mountinfo.Info{FSType: kind}) != want {
			t.Errorf("%s is mixed up", kind)
		}
	}
	if !within("/a/b", "/a") || !within("/a", "/a") || !within("/a", "/") || within("/ab", "/a") || within("/a", "/a/b") {
		t.Error("paths are mixed up")
	}
}
