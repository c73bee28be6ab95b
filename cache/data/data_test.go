package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func keyOf(n int) (k Key) {
	binary.LittleEndian.PutUint64(k[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(k[8:], uint64(n))
	return k
}

// blockOf is the n-th block: it can be told from every other one.
func blockOf(n, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	r.Read(b)
	return b
}

// open opens a cache that leaves the disk's free space alone, and waits until its old segments are scanned.
func open(t testing.TB, dir string, o Options) *Cache {
	t.Helper()
	if o.MinFree == 0 {
		o.MinFree = -1
	}
	c, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func fill(c *Cache, from, to, size int) {
	for i := from; i < to; i++ {
		c.Put(keyOf(i), blockOf(i, size))
		if i%64 == 0 {
			c.Flush()
		}
	}
	c.Flush()
}

// check wants every block that is there to be right, and tells how many are.
func check(t *testing.T, c *Cache, to, size int) (there int) {
	t.Helper()
	for i := range to {
		b := c.Get(keyOf(i))
		if b == nil {
			continue
		}
		there++
		if !bytes.Equal(b, blockOf(i, size)) {
			t.Fatalf("block %d is wrong", i)
		}
	}
	return there
}

// reopen closes a cache, does something to its directory, and opens it again with all segments scanned.
func reopen(t *testing.T, c *Cache, o Options, meanwhile func()) *Cache {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if meanwhile != nil {
		meanwhile()
	}
	c = open(t, c.dir, o)
	<-c.ready
	return c
}

func segmentsOf(t *testing.T, dir string) (paths []string, total int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	return paths, total
}

func TestBlocksOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	o := Options{Limit: 32 << 20}
	c := open(t, dir, o)
	fill(c, 0, 600, 30_000)
	if n := check(t, c, 600, 30_000); n != 600 {
		t.Fatalf("%d blocks of 600", n)
	}
	for range 3 {
		c = reopen(t, c, o, nil)
		if n := check(t, c, 600, 30_000); n != 600 {
			t.Fatalf("%d blocks of 600 after a restart", n)
		}
	}
	if c.Get(keyOf(1000)) != nil || c.Has(keyOf(1000)) {
		t.Error("a block that was never put")
	}
	before, _ := segmentsOf(t, dir)
	fill(c, 600, 601, 30_000)
	if after, _ := segmentsOf(t, dir); len(after) != len(before) {
		t.Errorf("a new segment although the last one has room: %d, then %d", len(before), len(after))
	}
	if s := c.Stats(); s.Blocks != 601 || s.Hits != 600 || s.Misses != 1 {
		t.Errorf("%+v", s)
	}
}

func TestKilledAtAnyByteLeavesWhatWasWhole(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{})
	fill(c, 0, 3, 50)
	c.Close()
	path := segmentPath(dir, 1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, dir, Options{})
		want := max(0, cut-segmentHead) / (recordHead + 50)
		if n := check(t, c, 3, 50); n != want {
			t.Fatalf("cut at %d: %d blocks, want %d", cut, n, want)
		}
		fill(c, 10, 11, 50)
		c = reopen(t, c, Options{}, nil)
		if !bytes.Equal(c.Get(keyOf(10)), blockOf(10, 50)) {
			t.Fatalf("cut at %d: what was put afterwards is lost", cut)
		}
		c.Close()
	}
}

func TestFlippedBitsAreNeverGivenOut(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{})
	fill(c, 0, 3, 40)
	c.Close()
	path := segmentPath(dir, 1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		bad := bytes.Clone(whole)
		bad[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, dir, Options{})
		if n := check(t, c, 3, 40); n > 2 {
			t.Fatalf("byte %d: %d blocks", at, n)
		}
		c.Close()
	}
}

func TestBlockDamagedWhileOpenIsForgotten(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{})
	fill(c, 0, 3, 1000)
	f, err := os.OpenFile(segmentPath(dir, 1), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("damage"), segmentHead+recordHead+500); err != nil {
		t.Fatal(err)
	}
	if c.Get(keyOf(0)) != nil || c.Has(keyOf(0)) {
		t.Error("a damaged block is there")
	}
	if n := check(t, c, 3, 1000); n != 2 {
		t.Errorf("%d other blocks", n)
	}
	fill(c, 0, 1, 1000)
	if n := check(t, c, 3, 1000); n != 3 {
		t.Errorf("%d blocks after it was put again", n)
	}
	if s := c.Stats(); s.Damaged != 1 || s.Off {
		t.Errorf("%+v", s)
	}
}

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

func TestAllAtOnce(t *testing.T) {
	dir := t.TempDir()
	o := Options{Limit: 4 << 20, Queue: 1 << 20}
	c := open(t, dir, o)
	for range 3 {
		var wait sync.WaitGroup
		for g := range 4 {
			wait.Go(func() {
				r := rand.New(rand.NewPCG(uint64(g), 1))
				for range 600 {
					n := r.IntN(800)
					if b := c.Get(keyOf(n)); b == nil {
						c.Put(keyOf(n), blockOf(n, 20_000))
					} else if !bytes.Equal(b, blockOf(n, 20_000)) {
						t.Errorf("block %d is wrong", n)
					}
				}
			})
		}
		wait.Wait()
		c = reopen(t, c, o, nil)
	}
	c.Close()
	if c.Get(keyOf(1)) != nil {
		t.Error("a closed cache gives out blocks")
	}
	c.Put(keyOf(1), blockOf(1, 100))
	c.Flush()
	if err := c.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

// FuzzScan gives the scan segments that nobody wrote.
func FuzzScan(f *testing.F) {
	dir := f.TempDir()
	c := open(f, dir, Options{})
	fill(c, 0, 3, 60)
	c.Close()
	whole, err := os.ReadFile(segmentPath(dir, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-30])
	f.Add([]byte(segmentMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		last := int64(segmentHead)
		end, err := scanSegment(bytes.NewReader(data), 1, int64(len(data)), func(h head, off int64) bool {
			if off != last || h.length == 0 || off+recordHead+int64(h.length) > int64(len(data)) {
				t.Fatalf("record of %d bytes at %d, the last one ended at %d of %d", h.length, off, last, len(data))
			}
			last = off + recordHead + int64(h.length)
			return true
		})
		if err != nil || end != last && end != 0 {
			t.Fatalf("ended at %d, the last record at %d: %v", end, last, err)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	for name, size := range map[string]int{"256K": 256 << 10, "4K": 4 << 10} {
		b.Run(name, func(b *testing.B) {
			c := open(b, b.TempDir(), Options{Limit: 1 << 30})
			block := blockOf(1, size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				c.Put(keyOf(i), block)
				if i%32 == 0 {
					c.Flush()
				}
			}
			c.Flush()
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for name, size := range map[string]int{"256K": 256 << 10, "4K": 4 << 10} {
		b.Run(name, func(b *testing.B) {
			c := open(b, b.TempDir(), Options{Limit: 1 << 30})
			fill(c, 0, 400, size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				if c.Get(keyOf(i*7%400)) == nil {
					b.Fatal("no block")
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	c := open(b, dir, Options{Limit: 1 << 30})
	fill(c, 0, 3000, 256<<10)
	c.Close()
	for b.Loop() {
		c, err := Open(dir, Options{Limit: 1 << 30})
		if err != nil {
			b.Fatal(err)
		}
		<-c.ready
		c.Close()
	}
}
