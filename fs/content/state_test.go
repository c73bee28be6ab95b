package content_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/slots/slottest"
	"slotfs/indexer/manifest"
	"slotfs/indexer/tree"
	"slotfs/indexer/tree/treetest"
)

// cursor is a slot with its snapshot.
type cursor struct {
	directory // root, fake, reader, snap and tree
	slot      string
	state     manifest.State
}

// plantSlot writes a slot and indexes it.
func plantSlot(t *testing.T, o content.Options, members ...slottest.Member) *cursor {
	t.Helper()
	x := &cursor{directory: directory{root: t.TempDir()}}
	x.slot = filepath.Join(x.root, "j", "alice", "slot-01")
	x.state = slottest.Write(t, x.slot, slottest.State(1, 1), members...)
	x.fake = desttest.Dir(x.root)
	x.snap = &backup.Snapshot{Source: backup.Source{Kind: backup.Slot, Mark: x.state.Mark(),
		Files: []backup.File{{Path: "j/alice/slot-01/data"}, {Path: "j/alice/slot-01/state.json"}}}}
	store := treetest.NewStore()
	b := tree.NewBuilder(store, backup.Entry{})
	for _, m := range members {
		if added, err := b.Add(t.Context(), m.Path, m.Entry.Entry, 0); err != nil || !added.OK {
			t.Fatal(m.Path, added, err)
		}
	}
	root, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x.tree = tree.New(store, root, tree.NewCache(1<<20))
	x.reader = content.NewReader(x.fake, nil, o)
	t.Cleanup(func() {
		x.reader.Close()
		if n := x.fake.Counts().Handles; n != 0 {
			t.Errorf("%d handles left open", n)
		}
	})
	return x
}

// overwrite says that another backup is about to be written into the slot.
func (x *cursor) overwrite(t *testing.T) {
	next := x.state
	next.Phase, next.BaseGen, next.Gen, next.Finished = manifest.Updating, 1, 2, time.Time{}
	slottest.Put(t, x.slot, next)
}

func TestFilesOfASlotReadWhole(t *testing.T) {
	sparse := slottest.File("sparse", strings.Repeat("\x00", 5000)+"data", 1)
	sparse.Sparse = []backup.Extent{{Offset: 4096, Length: 908}}
	first, second := slottest.File("a", "linked", 1), slottest.File("b", "linked", 1)
	second.Link = "a"
	early := slottest.File("early", "before 1970", 1)
	early.MTime = -1
	x := plantSlot(t, content.Options{}, slottest.Dir("", 1), first, second, early, slottest.File("empty", "", 1), sparse)
	for name, want := range map[string]string{"a": "linked", "b": "linked", "early": "before 1970", "empty": "", "sparse": sparse.Data} {
		got, err := read(t.Context(), x.open(t, name), 1000)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range x.fake.Counts().Opened {
		if strings.HasSuffix(name, "data/b") {
			return
		}
	}
	t.Error("a hard link was not read by its own path")
}

func TestSlotBeingOverwrittenIsStaleEvenWhereNothingChangedYet(t *testing.T) {
	x := plantSlot(t, content.Options{}, slottest.Dir("", 1), slottest.File("a", "1", 1), slottest.File("b", "2", 1))
	if _, err := read(t.Context(), x.open(t, "a"), 10); err != nil {
		t.Fatal(err)
	}
	x.overwrite(t)
	if got, err := read(t.Context(), x.open(t, "b"), 10); !errors.Is(err, backup.ErrStale) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPinnedOrVerifiedSlotIsNotStale(t *testing.T) {
	x := plantSlot(t, content.Options{}, slottest.Dir("", 1), slottest.File("a", "1", 1))
	x.state.Pinned, x.state.Verified = true, slottest.Finished
	slottest.Put(t, x.slot, x.state)
	if got, err := read(t.Context(), x.open(t, "a"), 10); string(got) != "1" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRemovedSlotIsStale(t *testing.T) {
	x := plantSlot(t, content.Options{}, slottest.Dir("", 1), slottest.File("a", "1", 1))
	if err := os.Remove(filepath.Join(x.slot, "state.json")); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t.Context(), x.open(t, "a"), 10); !errors.Is(err, backup.ErrStale) {
		t.Errorf("%q, %v", got, err)
	}
}

// A file that is replaced by one of the same size and second is told apart by the slot's state alone.
func TestOldAndNewContentOfASlotNeverMix(t *testing.T) {
	const size = 3 << 20
	now := time.Unix(1_800_000_000, 0)
	var mu sync.Mutex
	o := content.Options{Memory: 1 << 20, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }}
	x := plantSlot(t, o, slottest.Dir("", 1), slottest.File("big", strings.Repeat("o", size), 1))
	f := x.open(t, "big")
	p := make([]byte, 1000)
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || p[0] != 'o' {
		t.Fatal(err)
	}
	x.overwrite(t)
	fresh := slottest.File("big", strings.Repeat("n", size), 1)
	next := filepath.Join(x.slot, "next")
	slottest.Data(t, next, fresh)
	if err := os.Rename(filepath.Join(next, "data", "big"), filepath.Join(x.slot, "data", "big")); err != nil {
		t.Fatal(err)
	}
	// The open handle goes on showing the old file for a while.
	n, err := f.ReadAt(t.Context(), p, 2<<20)
	if err == nil && strings.Trim(string(p[:n]), "o") != "" {
		t.Fatal("new content in the old backup")
	}
	mu.Lock()
	now = now.Add(5 * time.Second)
	mu.Unlock()
	for off := int64(0); off < size; off += 100_000 {
		n, err := f.ReadAt(t.Context(), p, off)
		if strings.Trim(string(p[:n]), "o") != "" {
			t.Fatalf("new content in the old backup at %d", off)
		}
		if err != nil && !errors.Is(err, backup.ErrStale) {
			t.Fatal(err)
		}
	}
	if _, err := f.ReadAt(t.Context(), p, size-1000); !errors.Is(err, backup.ErrStale) {
		t.Errorf("after five seconds: %v", err)
	}
}

func TestStateOfASlotIsLookedAtAfterEachOpenedFile(t *testing.T) {
	x := plantSlot(t, content.Options{}, slottest.Dir("", 1), slottest.File("a", "1", 1), slottest.File("b", "2", 1))
	opened := make(chan struct{})
	hold := make(chan struct{})
	var once sync.Once
	x.fake.SetFault(func(ctx context.Context, c desttest.Call) error {
		if c.Op == desttest.OpStat && strings.HasSuffix(c.Path, "state.json") {
			once.Do(func() { close(opened); <-hold })
		}
		return nil
	})
	results := make(chan error, 2)
	start := func(name string) {
		f := x.open(t, name)
		go func() { _, err := f.ReadAt(t.Context(), make([]byte, 1), 0); results <- err }()
	}
	start("a")
	<-opened // a look is under way: it says nothing about what is opened from here on
	x.overwrite(t)
	start("b")
	close(hold)
	for range 2 {
		if err := <-results; !errors.Is(err, backup.ErrStale) {
			t.Errorf("%v", err)
		}
	}
}

func TestLooksAtTheStateAreShared(t *testing.T) {
	members := []slottest.Member{slottest.Dir("", 1)}
	for i := range 50 {
		members = append(members, slottest.File(string([]byte{'a' + byte(i/10), '0' + byte(i%10)}), "x", 1))
	}
	x := plantSlot(t, content.Options{}, members...)
	x.fake.SetLatency(2 * time.Millisecond)
	var wg sync.WaitGroup
	for _, m := range members[1:] {
		f := x.open(t, m.Path)
		wg.Go(func() {
			if _, err := f.ReadAt(t.Context(), make([]byte, 1), 0); err != nil && err != io.EOF {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c := x.fake.Counts(); c.Stat > 40 {
		t.Errorf("%d looks for 50 files opened at once", c.Stat)
	}
}

func TestSlotOnAServerWithoutTimesIsRead(t *testing.T) {
	x := plantSlot(t, content.Options{}, slottest.Dir("", 1), slottest.File("a", "content", 1), slottest.File("b", "other", 1))
	now := time.Now()
	for _, name := range []string{"a", "b"} {
		if err := os.Chtimes(filepath.Join(x.slot, "data", name), now, now); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := read(t.Context(), x.open(t, "a"), 10); !errors.Is(err, backup.ErrStale) {
		t.Errorf("a file of another time: %q, %v", got, err)
	}
	x.snap.Files[0].MTime = backup.NoTime
	if got, err := read(t.Context(), x.open(t, "b"), 10); string(got) != "other" || err != nil {
		t.Errorf("a file of whatever time: %q, %v", got, err)
	}
}
