package tree

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

func TestMovedSubtreeKeepsItsNodes(t *testing.T) {
	steps := mailSteps(3000)
	store := treetest.NewStore()
	first := buildSteps(t, store, steps)
	nodes := store.Len()
	const shift = 7 * block
	moved := slices.Clone(steps)
	for i := range moved {
		moved[i].at += shift
		moved[i].e.Offset += shift
	}
	before := []step{{"", backup.Entry{Mode: backup.ModeDir | 0o700}, 0},
		{"new", backup.Entry{Mode: backup.ModeRegular, Size: 6 * block, Offset: block}, 0}}
	second := buildSteps(t, store, append(before, moved[1:]...))
	if first.Child == second.Child {
		t.Fatal("a new file changed nothing")
	}
	if grown := store.Len() - nodes; grown != 1 {
		t.Errorf("%d new nodes, want one: the root's", grown)
	}
}

//check:without it takes seconds
func TestOneNewFileInALargeDirectoryChangesFewNodes(t *testing.T) {
	names := make([]string, 100000)
	r := rand.New(rand.NewSource(1))
	for i := range names {
		names[i] = mailName(r, i)
	}
	build := func(store Store, names []string) {
		at := int64(0)
		b := NewBuilder(store, backup.Entry{})
		for _, name := range names {
			e := backup.Entry{Mode: backup.ModeRegular | 0o600, Size: 700, Offset: at + block}
			if _, err := b.Add(context.Background(), name, e, at); err != nil {
				t.Fatal(err)
			}
			at += 3 * block
		}
		finish(t, b)
	}
	store := treetest.NewStore()
	build(store, names)
	for _, at := range []int{0, 50000, 100000} {
		nodes := store.Len()
		build(store, slices.Insert(slices.Clone(names), at, fmt.Sprintf("cur/new%d", at)))
		// A bucket, the index, the root and one page, or a few until cuts fall on the same names
		// again. An insertion in front also moves everything behind it: the positions of pages are
		// in the index only.
		if grown := store.Len() - nodes; grown > 8 {
			t.Errorf("a name added at %d makes %d new nodes", at, grown)
		}
	}
}

func TestResumedBuildIsTheSameTree(t *testing.T) {
	for seed := range int64(60) {
		r := rand.New(rand.NewSource(seed))
		steps := randomSteps(r, 120, 4)
		want := buildSteps(t, treetest.NewStore(), steps)
		store := treetest.NewStore()
		var root backup.Entry
		for _, s := range steps {
			b := NewBuilder(store, root)
			if _, err := b.Add(context.Background(), s.path, s.e, s.at); err != nil {
				t.Fatal(err)
			}
			var err error
			if root, err = b.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		got := finish(t, NewBuilder(store, root))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d:\nresumed %+v\n at once %+v", seed, got, want)
		}
	}
}

func TestFlushedTreeIsWhole(t *testing.T) {
	steps := randomSteps(rand.New(rand.NewSource(3)), 400, 5)
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	for i, s := range steps {
		if _, err := b.Add(context.Background(), s.path, s.e, s.at); err != nil {
			t.Fatal(err)
		}
		if i%40 != 0 {
			continue
		}
		root, err := b.Flush(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		checkTree(t, New(store, root, NewCache(1<<20)))
	}
	compared := finish(t, b)
	if want := buildSteps(t, treetest.NewStore(), steps); fmt.Sprint(compared) != fmt.Sprint(want) {
		t.Errorf("flushed on the way %+v\nat once %+v", compared, want)
	}
}

func TestDirectoriesUsedInTurnsAreNotReadAllTheTime(t *testing.T) {
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	b.limit = 400_000
	const n = 8000
	for i := range 2 * n {
		e := backup.Entry{Mode: backup.ModeRegular | 0o600, Size: 1, Offset: int64(i)*2*block + block}
		if _, err := b.Add(context.Background(), fmt.Sprintf("%d/file%d", i%2, i), e, e.Offset-block); err != nil {
			t.Fatal(err)
		}
	}
	root := finish(t, b)
	if root.Count != 2*n+2 {
		t.Errorf("%d entries", root.Count)
	}
	gets, _ := store.Calls()
	if gets > 20000 {
		t.Errorf("%d nodes read again for %d members", gets, 2*n)
	}
}

func TestBuilderKeepsFewDirectoriesOpen(t *testing.T) {
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	b.limit = 1 << 20
	most := int64(0)
	for i := range 50000 {
		e := backup.Entry{Mode: backup.ModeRegular | 0o600, Size: 1, Offset: int64(i)*2*block + block}
		path := fmt.Sprintf("a/%d/%d/file%d", i/1000, i/10, i)
		if _, err := b.Add(context.Background(), path, e, e.Offset-block); err != nil {
			t.Fatal(err)
		}
		most = max(most, b.used)
	}
	root := finish(t, b)
	if root.Count != 50000+5000+50+1 {
		t.Errorf("%d entries", root.Count)
	}
	if most > 2<<20 {
		t.Errorf("%d bytes open at once", most)
	}
}

func TestBuilderRefusesPathsThatCannotBe(t *testing.T) {
	b := NewBuilder(treetest.NewStore(), backup.Entry{})
	deep := ""
	for range maxDepth {
		deep = join(deep, "d")
	}
	for _, path := range []string{"/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", deep + "/d"} {
		got, err := b.Add(context.Background(), path, backup.Entry{Mode: backup.ModeRegular}, 0)
		if got.OK || err != nil {
			t.Errorf("%.20q: %v, %v", path, got, err)
		}
	}
	if added, err := b.Add(context.Background(), deep, backup.Entry{Mode: backup.ModeRegular}, 0); !added.OK || err != nil {
		t.Errorf("deepest: %v, %v", added, err)
	}
	for _, link := range []string{"none", "d", "d/d", "../x", deep + "/d"} {
		if added, err := b.Add(context.Background(), "l", backup.Entry{Link: link}, 0); added.OK || err != nil {
			t.Errorf("link to %.20q: %v, %v", link, added, err)
		}
	}
	if root := finish(t, b); root.Count != maxDepth {
		t.Errorf("%d entries, want %d", root.Count, maxDepth)
	}
}

func TestTooLargeDirectoriesRefuseTheSameMembersAfterResuming(t *testing.T) {
	steps := mailSteps(300)
	build := func(resume bool) (kept []bool, root backup.Entry) {
		store := treetest.NewStore()
		b := NewBuilder(store, backup.Entry{})
		for _, s := range steps {
			b.pathLimit = 200
			added, err := b.Add(context.Background(), s.path, s.e, s.at)
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, added.OK)
			if resume {
				flushed, err := b.Flush(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				b = NewBuilder(store, flushed)
			}
		}
		return kept, finish(t, b)
	}
	kept, root := build(false)
	again, resumed := build(true)
	if !slices.Equal(kept, again) || root.Child != resumed.Child {
		t.Error("resuming changes what is refused")
	}
	if root.Count < 50 || root.Count > 250 || !slices.Contains(kept, false) {
		t.Errorf("%d of %d members kept", root.Count, len(steps))
	}
}

func TestJumpingBetweenLargeDirectoriesEnds(t *testing.T) {
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	b.limit, b.rereadLimit = crowdedLimit, 1<<20
	var refused int
	add := func(i int, path string, xattr []byte) {
		b.limit = min(b.limit, 100_000)
		e := backup.Entry{Mode: backup.ModeRegular | 0o600, Size: 1, Offset: int64(i)*2*block + block}
		if len(xattr) > 0 {
			e.Xattrs = []backup.Xattr{{Name: "user.x", Value: string(xattr)}}
		}
		added, err := b.Add(context.Background(), path, e, e.Offset-block)
		if err != nil {
			t.Fatal(err)
		}
		if !added.OK {
			refused++
		}
	}
	for i := range 200 {
		add(i, fmt.Sprintf("%d/large%d", i/100, i), make([]byte, 1000))
	}
	for i := range 20000 {
		add(200+i, fmt.Sprintf("%d/small%d", i%2, i), nil)
	}
	root := finish(t, b)
	if refused == 0 || root.Count+uint64(refused) != 20202 {
		t.Errorf("%d entries, %d refused", root.Count, refused)
	}
	if most := b.rereadLimit + rereadShare*b.added + 1<<20; b.reread > most {
		t.Errorf("%d bytes read again, want at most %d", b.reread, most)
	}
}
