package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// plant stores a tree of dirs directories with names that begin with prefix, and returns its root.
func plant(t testing.TB, x tree.Store, prefix string, dirs int) backup.Entry {
	t.Helper()
	b := tree.NewBuilder(x, backup.Entry{})
	for i := range dirs {
		for j := range 5 {
			name := fmt.Sprintf("%s%d-%d", prefix, i, j)
			e := backup.Entry{Name: name, Mode: backup.ModeRegular | 0o644, Size: int64(i), Nlink: 1}
			if _, err := b.Add(t.Context(), fmt.Sprintf("%s%d/%s", prefix, i, name), e, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	root, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// walk counts the entries below root, reading every node.
func walk(ctx context.Context, x tree.Getter, root backup.Entry) (n int, err error) {
	t := tree.New(x, root, tree.NewCache(1<<16))
	var visit func(dir tree.Item) error
	visit = func(dir tree.Item) error {
		for it, err := range t.List(ctx, dir, 0) {
			if err != nil {
				return err
			}
			n++
			if it.IsDir() {
				if err := visit(it); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return n, visit(t.Root())
}

func sweep(t testing.TB, x *Index) int {
	t.Helper()
	n, err := x.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSweepDeletesWhatNothingReaches(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	stay, gone := snapshot("d", "stay", 1), snapshot("d", "gone", 2)
	stay.Root, gone.Root = plant(t, x, "a", 30), plant(t, x, "b", 40)
	stay.Parts, gone.Parts = put(t, x, sample(1)), put(t, x, sample(2))
	putSnapshot(t, x, stay)
	putSnapshot(t, x, gone)
	unfinished := &backup.Unfinished{Serial: 3, Root: plant(t, x, "c", 20), Kept: map[string]backup.Hash{"k": put(t, x, sample(3))}}
	if err := x.SaveState(t.Context(), "d", "half", unfinished); err != nil {
		t.Fatal(err)
	}
	if n := sweep(t, x); n != 0 {
		t.Errorf("%d nodes deleted that are reached", n)
	}
	if err := x.DeleteSnapshot(t.Context(), "d", "gone"); err != nil {
		t.Fatal(err)
	}
	if n := sweep(t, x); n < 40 {
		t.Errorf("%d nodes deleted", n)
	}
	for range 2 {
		for name, root := range map[string]backup.Entry{"stay": stay.Root, "half": unfinished.Root} {
			if n, err := walk(t.Context(), x, root); err != nil || n != int(root.Count) {
				t.Errorf("%s: %d entries of %d, %v", name, n, root.Count, err)
			}
		}
		for i, want := range map[int]bool{1: true, 2: false, 3: true} {
			if _, err := x.Get(t.Context(), tree.Sum(sample(i))); (err == nil) != want {
				t.Errorf("blob %d: %v", i, err)
			}
		}
		if _, err := walk(t.Context(), x, gone.Root); !errors.Is(err, ErrDamaged) {
			t.Errorf("what was deleted is there: %v", err)
		}
		x.Close()
		x = open(t, dir)
	}
	// What comes again is stored again.
	if n, err := walk(t.Context(), x, plant(t, x, "b", 40)); err != nil || n == 0 {
		t.Errorf("planted again: %d, %v", n, err)
	}
}

func TestSweepKeepsWhatARunningPassPut(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	x, err := Open(t.TempDir(), Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	old := put(t, x, sample(1))
	serial, err := x.NextSerial()
	if err != nil {
		t.Fatal(err)
	}
	put(t, x, sample(1)) // stored already: only the pass says that it is needed
	young := put(t, x, sample(2))
	settle(t, x)
	if n := sweep(t, x); n != 0 {
		t.Errorf("%d nodes of a running pass deleted", n)
	}
	for _, h := range []backup.Hash{old, young} {
		if _, err := x.Get(t.Context(), h); err != nil {
			t.Error(err)
		}
	}
	s := snapshot("d", "k", serial)
	s.Parts = young
	putSnapshot(t, x, s)
	if n := sweep(t, x); n != 1 {
		t.Errorf("%d nodes deleted after the pass", n)
	}
	if _, err := x.Get(t.Context(), young); err != nil {
		t.Error(err)
	}
	if _, err := x.NextSerial(); err != nil {
		t.Fatal(err)
	}
	put(t, x, sample(3))
	settle(t, x)
	now = now.Add(2 * passLimit)
	if n := sweep(t, x); n != 1 {
		t.Errorf("%d nodes of a dead pass deleted", n)
	}
}

func TestSweepStopsAtDamage(t *testing.T) {
	x := open(t, t.TempDir())
	s := snapshot("d", "k", 1)
	s.Root = plant(t, x, "a", 30)
	putSnapshot(t, x, s)
	orphan := put(t, x, sample(1))
	settle(t, x)
	if err := x.deleteKeys([][]byte{nodeKey(s.Root.Child)}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Sweep(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("error is %v", err)
	}
	if _, err := x.Get(t.Context(), orphan); err != nil {
		t.Errorf("something was deleted: %v", err)
	}
}

// TestPassesReadersAndSweepsSideBySide commits, reads, deletes and sweeps the same trees at once.
func TestPassesReadersAndSweepsSideBySide(t *testing.T) {
	x := open(t, t.TempDir())
	var passes, others sync.WaitGroup
	done := make(chan struct{})
	for i := range 3 {
		passes.Go(func() {
			for j := range 8 {
				serial, err := x.NextSerial()
				if err != nil {
					t.Error(err)
					return
				}
				key := fmt.Sprintf("%d", i)
				s := snapshot("d", key, serial)
				s.Root = plant(t, x, fmt.Sprintf("t%d", j%3), 10)
				if err := x.PutSnapshot(t.Context(), s); err != nil {
					t.Error(err)
				}
				if n, err := walk(t.Context(), x, s.Root); err != nil || n != int(s.Root.Count) {
					t.Errorf("committed tree: %d of %d, %v", n, s.Root.Count, err)
				}
				if err := x.DeleteSnapshot(t.Context(), "d", key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	others.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := x.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := x.Snapshots(t.Context(), ""); err != nil {
				t.Error(err)
			}
		}
	})
	passes.Wait()
	close(done)
	others.Wait()
}

// scanPoints makes the seek points of a small archive.
func scanPoints(t testing.TB, x *Index, serial uint64, n int) {
	t.Helper()
	for i := range n {
		p := &gzseek.Point{Bit: int64(i) * 8000, Out: int64(i) * 100_000, Header: true, Length: 100_000,
			Sums: []uint32{uint32(i)}, End: int64(i+1) * 1000}
		if err := x.PutPoint(t.Context(), serial, p); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPointIsTheLastOneAtOrBefore(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	for serial := uint64(1); serial <= 3; serial++ {
		scanPoints(t, x, serial, 50)
		putSnapshot(t, x, snapshot("d", fmt.Sprint(serial), serial))
	}
	scanPoints(t, x, 4, 3) // not written yet
	check := func(x *Index, serial uint64) {
		t.Helper()
		for out, want := range map[int64]int64{0: 0, 1: 0, 99_999: 0, 100_000: 100_000, 250_000: 200_000} {
			p, err := x.Point(t.Context(), serial, out)
			if err != nil || p.Out != want || p.Sums[0] != uint32(want/100_000) {
				t.Errorf("serial %d, %d: %+v, %v", serial, out, p, err)
			}
		}
	}
	check(x, 2)
	check(x, 4)
	if p, err := x.Point(t.Context(), 2, 1<<50); err != nil || p.Out != 4_900_000 {
		t.Errorf("beyond the last: %+v, %v", p, err)
	}
	if _, err := x.Point(t.Context(), 99, 0); !errors.Is(err, backup.ErrStale) {
		t.Errorf("unknown serial: %v", err)
	}
	x.Close()
	check(open(t, dir), 3)
}

// left counts the points of a serial.
func left(t testing.TB, x *Index, serial uint64) int {
	t.Helper()
	keys, err := x.someKeys(pointsKey(serial), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return len(keys)
}

//check:without it takes seconds
func TestPointsGoWithTheirSnapshot(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	for serial := uint64(1); serial <= 5; serial++ {
		scanPoints(t, x, serial, 30)
	}
	putSnapshot(t, x, snapshot("d", "replaced", 1))
	putSnapshot(t, x, snapshot("d", "replaced", 2))
	putSnapshot(t, x, snapshot("d", "deleted", 3))
	if err := x.DeleteSnapshot(t.Context(), "d", "deleted"); err != nil {
		t.Fatal(err)
	}
	for _, serial := range []uint64{4, 5} {
		if err := x.SaveState(t.Context(), "d", "half", &backup.Unfinished{Serial: serial}); err != nil {
			t.Fatal(err)
		}
	}
	putSnapshot(t, x, snapshot("d", "half", 5))
	putSnapshot(t, x, snapshot("d", "half", 5))
	// The purge may be anywhere; what it did not do is done at the next start.
	x = open(t, image(t, x))
	if err := x.purgeAll(); err != nil {
		t.Fatal(err)
	}
	for serial, want := range map[uint64]int{1: 0, 2: 30, 3: 0, 4: 0, 5: 30} {
		if got := left(t, x, serial); got != want {
			t.Errorf("serial %d has %d points, want %d", serial, got, want)
		}
	}
}

//check:without it takes seconds
func TestPointsOfAPassThatDiedAreSwept(t *testing.T) {
	x := open(t, t.TempDir())
	dead, err := x.NextSerial()
	if err != nil {
		t.Fatal(err)
	}
	scanPoints(t, x, dead, 10)
	settle(t, x)
	sweep(t, x)
	if n := left(t, x, dead); n != 10 {
		t.Errorf("%d points of a running pass left", n)
	}
	x = open(t, image(t, x))
	live, err := x.NextSerial()
	if err != nil {
		t.Fatal(err)
	}
	scanPoints(t, x, live, 10)
	settle(t, x)
	sweep(t, x)
	if err := x.purgeAll(); err != nil {
		t.Fatal(err)
	}
	if n := left(t, x, dead); n != 0 {
		t.Errorf("%d points of a dead pass left", n)
	}
	if n := left(t, x, live); n != 10 {
		t.Errorf("%d points of a running pass left", n)
	}
}

func TestStatsCount(t *testing.T) {
	x := open(t, t.TempDir())
	putSnapshot(t, x, snapshot("d", "k", 1))
	scanPoints(t, x, 1, 3)
	for i := range 4 {
		put(t, x, bytes.Repeat([]byte{byte(i)}, 100))
	}
	s, err := x.Stats(t.Context())
	if err != nil || s.Snapshots != 1 || s.Nodes != 4 || s.Points != 3 || s.NodeBytes == 0 || s.PointBytes == 0 || s.DiskBytes == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
