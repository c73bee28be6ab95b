package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
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
