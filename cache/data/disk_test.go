package data

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tmpfs mounts a file system of a size.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal("mount tmpfs (root is needed): ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

//check:without needs root
func TestFullDiskIsBypassedWithOneWarning(t *testing.T) {
	dir := tmpfs(t, "6m")
	var log bytes.Buffer
	o := Options{Limit: 64 << 20, Retry: time.Nanosecond, Log: slog.New(slog.NewTextHandler(&log, nil))}
	c := open(t, dir, o)
	fill(c, 0, 1000, 20_000)
	n := check(t, c, 1000, 20_000)
	if n < 150 || n > 320 {
		t.Errorf("%d blocks on a disk of 6 MB", n)
	}
	if warnings := strings.Count(log.String(), "level=WARN"); warnings != 1 {
		t.Errorf("%d warnings:\n%s", warnings, &log)
	}
	c = reopen(t, c, o, nil)
	if again := check(t, c, 1000, 20_000); again != n {
		t.Errorf("%d blocks after a restart, %d before", again, n)
	}
}

//check:without needs root
func TestFreeSpaceIsLeftToOthers(t *testing.T) {
	dir := tmpfs(t, "20m")
	var log bytes.Buffer
	c := open(t, dir, Options{Limit: 64 << 20, MinFree: 12 << 20, Retry: time.Nanosecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
	fill(c, 0, 1000, 20_000)
	if _, total := segmentsOf(t, dir); total > 8<<20 || total < 4<<20 {
		t.Errorf("%d bytes where 8 MiB are to be had", total)
	}
	if warnings := strings.Count(log.String(), "level=WARN"); warnings != 1 {
		t.Errorf("%d warnings:\n%s", warnings, &log)
	}
}

func TestFailingDiskIsBypassed(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	c := open(t, dir, Options{Retry: time.Nanosecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
	fill(c, 0, 3, 100)
	// A descriptor that cannot be read stands for a disk that fails.
	c.mu.Lock()
	bad, err := os.OpenFile(dir, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.segments[0].file.Close()
	c.segments[0].file = bad
	c.mu.Unlock()
	for i := range 3 {
		if c.Get(keyOf(i)) != nil {
			t.Errorf("block %d came from nowhere", i)
		}
	}
	fill(c, 3, 10, 100)
	if c.Has(keyOf(5)) {
		t.Error("stored on a disk that cannot be read")
	}
	if s := c.Stats(); !s.Off {
		t.Errorf("%+v", s)
	}
	if warnings := strings.Count(log.String(), "its disk fails"); warnings != 1 {
		t.Errorf("%d warnings:\n%s", warnings, &log)
	}
}

func TestWhatComesFasterThanTheDiskIsDropped(t *testing.T) {
	c := open(t, t.TempDir(), Options{Queue: 5000})
	for i := range 100 {
		c.Put(keyOf(i), blockOf(i, 10_000))
	}
	fill(c, 100, 101, 4000)
	if s := c.Stats(); s.Dropped != 100 || s.Blocks != 1 || c.waiting.Load() != 0 {
		t.Errorf("%+v, %d bytes wait", s, c.waiting.Load())
	}
}
