package tree

import (
	"context"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// byPath reads a whole tree.
func byPath(t *testing.T, tr *Tree) map[string]backup.Entry {
	t.Helper()
	all := map[string]backup.Entry{"": tr.Root().Entry}
	var walk func(dir Item, path string)
	walk = func(dir Item, path string) {
		for it, err := range tr.List(context.Background(), dir, 0) {
			if err != nil {
				t.Fatal(err)
			}
			all[join(path, it.Name)] = it.Entry
			if it.IsDir() {
				walk(it, join(path, it.Name))
			}
		}
	}
	walk(tr.Root(), "")
	return all
}

// naiveDiff compares path by path.
func naiveDiff(a, b map[string]backup.Entry) []string {
	var all []string
	for path, old := range a {
		e, ok := b[path]
		switch {
		case !ok:
			all = append(all, "-"+path)
		case !alike(&old, &e):
			all = append(all, "~"+path)
		}
	}
	for path := range b {
		if _, ok := a[path]; !ok {
			all = append(all, "+"+path)
		}
	}
	slices.Sort(all)
	return all
}

func diffLines(t *testing.T, a, b *Tree) []string {
	t.Helper()
	var all []string
	for c, err := range Diff(context.Background(), a, a.Root(), b, b.Root()) {
		switch {
		case err != nil:
			t.Fatal(err)
		case c.Old == nil:
			all = append(all, "+"+c.Path)
		case c.New == nil:
			all = append(all, "-"+c.Path)
		default:
			all = append(all, "~"+c.Path)
		}
	}
	slices.Sort(all)
	return all
}

func TestDiffFindsWhatAComparisonOfAllPathsFinds(t *testing.T) {
	for seed := range int64(60) {
		r := rand.New(rand.NewSource(seed))
		steps := randomSteps(r, 150, 5)
		if seed%10 == 0 {
			steps = append(steps, mailSteps(1500)...)
		}
		other := append(slices.Clone(steps), randomSteps(r, 1+r.Intn(10), 5)...)
		if seed%3 == 0 {
			i := r.Intn(len(other))
			other = slices.Delete(other, i, min(i+3, len(other)))
		}
		store := treetest.NewStore()
		a := New(store, buildSteps(t, store, steps), NewCache(1<<20))
		b := New(store, buildSteps(t, store, other), NewCache(1<<20))
		all, none := byPath(t, a), map[string]backup.Entry{}
		want := naiveDiff(all, byPath(t, b))
		if got := diffLines(t, a, b); !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n got %q\nwant %q", seed, got, want)
		}
		if got := diffLines(t, a, a); len(got) != 0 {
			t.Fatalf("a tree differs from itself: %q", got)
		}
		empty := New(store, backup.Entry{Mode: a.root.Mode, UID: a.root.UID, GID: a.root.GID, MTime: a.root.MTime,
			Xattrs: a.root.Xattrs}, NewCache(0))
		maps.Copy(none, map[string]backup.Entry{"": empty.root})
		if got, want := diffLines(t, a, empty), naiveDiff(all, none); !slices.Equal(got, want) {
			t.Fatalf("seed %d, to nothing:\n got %q\nwant %q", seed, got, want)
		}
	}
}

//check:without it takes seconds
func TestDiffReadsOnlyWhatDiffers(t *testing.T) {
	steps := mailSteps(30000)
	store := treetest.NewStore()
	a := New(store, buildSteps(t, store, steps), NewCache(1<<20))
	changed := slices.Clone(steps)
	changed[15000].e.MTime++
	b := New(store, buildSteps(t, store, changed), NewCache(1<<20))
	before, _ := store.Calls()
	want := []string{"~" + changed[15000].path}
	if got := diffLines(t, a, b); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if after, _ := store.Calls(); after-before > 6 {
		t.Errorf("%d nodes read", after-before)
	}
}

func TestDiffStopsWhenAsked(t *testing.T) {
	store := treetest.NewStore()
	a := New(store, backup.Entry{Mode: backup.ModeDir}, NewCache(0))
	b := New(store, buildSteps(t, store, mailSteps(100)), NewCache(1<<20))
	n := 0
	for _, err := range Diff(context.Background(), a, a.Root(), b, b.Root()) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 7 {
			break
		}
	}
	if n != 7 {
		t.Error(fmt.Sprint(n, " changes after a break at 7"))
	}
}
