package data

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLimitIsNeverExceeded(t *testing.T) {
	for _, size := range []int{100, 5000, 400_000} {
		dir := t.TempDir()
		const limit = 4 << 20
		c := open(t, dir, Options{Limit: limit})
		count := 3 * limit / (size + recordHead)
		for i := range count {
			c.Put(keyOf(i), blockOf(i, size))
			if i%max(1, count/40) == 0 || size > 100_000 {
				c.Flush()
				if _, total := segmentsOf(t, dir); total > limit {
					t.Fatalf("blocks of %d: %d bytes", size, total)
				}
			}
		}
		c.Flush()
		if n := check(t, c, count, size); n < count/6 {
			t.Errorf("blocks of %d: %d of %d are there", size, n, count)
		}
		paths, total := segmentsOf(t, dir)
		if s := c.Stats(); s.Bytes != total || len(paths) > 10 {
			t.Errorf("blocks of %d: %d bytes in %d segments, counted %d", size, total, len(paths), s.Bytes)
		}
	}
}

func TestLowerLimitHoldsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{Limit: 16 << 20})
	fill(c, 0, 300, 50_000)
	c = reopen(t, c, Options{Limit: 4 << 20}, nil)
	c.Flush()
	if _, total := segmentsOf(t, dir); total > 4<<20 {
		t.Errorf("%d bytes", total)
	}
	if n := check(t, c, 300, 50_000); n < 20 {
		t.Errorf("%d blocks", n)
	}
}

func TestNumberOfBlocksIsBounded(t *testing.T) {
	dir := t.TempDir()
	o := Options{Limit: 16 << 20, Segment: 50_000, Records: 1000}
	c := open(t, dir, o)
	fill(c, 0, 5000, 400)
	if s := c.Stats(); s.Blocks > 1000 || s.Blocks < 500 {
		t.Errorf("%d blocks", s.Blocks)
	}
	c = reopen(t, c, Options{Limit: 16 << 20, Segment: 50_000, Records: 300}, nil)
	fill(c, 5000, 5100, 400)
	if s := c.Stats(); s.Blocks > 300 || !c.Has(keyOf(5099)) {
		t.Errorf("%d blocks", s.Blocks)
	}
}

func TestWhatIsReadSurvivesWhatIsNot(t *testing.T) {
	c := open(t, t.TempDir(), Options{Limit: 8 << 20})
	fill(c, 0, 20, 10_000)
	for round := 1; round < 10; round++ {
		if n := check(t, c, 20, 10_000); n != 20 {
			t.Fatalf("round %d: %d of 20 blocks that are read again and again", round, n)
		}
		fill(c, round*300, round*300+300, 10_000)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	if dir := os.Getenv("SLOTFS_TEST_CACHE"); dir != "" {
		if _, err := Open(dir, Options{}); errors.Is(err, ErrBusy) {
			os.Exit(42)
		}
		os.Exit(1)
	}
	dir := t.TempDir()
	c := open(t, dir, Options{})
	fill(c, 0, 1, 100)
	cmd := exec.Command(os.Args[0], "-test.run", t.Name())
	cmd.Env = append(os.Environ(), "SLOTFS_TEST_CACHE="+dir)
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 42 {
		t.Errorf("%v\n%s", cmd.ProcessState, out)
	}
	if n := check(t, c, 1, 100); n != 1 {
		t.Error("the other one took the block away")
	}
	c = reopen(t, c, Options{}, nil)
	if n := check(t, c, 1, 100); n != 1 {
		t.Error("no block after a restart")
	}
}

func TestNobodyElseCanLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := open(t, dir, Options{})
	fill(c, 0, 1, 100)
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, segmentPath(dir, 1): 0o600, lockPath(dir): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(path string) error{
		"0000000000000001.seg": func(path string) error { return os.Symlink(outside, path) },
		"0000000000000002.seg": func(path string) error { return os.Mkdir(path, 0o700) },
		"0000000000000003.seg": func(path string) error { return unix.Mkfifo(path, 0o600) },
		"notes":                func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"1.seg":                func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
	} {
		if err := do(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c := open(t, dir, Options{})
	fill(c, 0, 3, 100)
	if n := check(t, c, 3, 100); n != 3 {
		t.Errorf("%d blocks", n)
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "mine" {
		t.Errorf("%q, %v", data, err)
	}
	for _, name := range []string{"notes", "1.seg", "0000000000000002.seg"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
