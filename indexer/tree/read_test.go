package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// buildSteps makes a finished tree of random members.
func buildSteps(t testing.TB, store Store, steps []step) backup.Entry {
	t.Helper()
	b := NewBuilder(store, backup.Entry{})
	for _, s := range steps {
		if _, err := b.Add(context.Background(), s.path, s.e, s.at); err != nil {
			t.Fatal(err)
		}
	}
	return finish(t, b)
}

func finish(t testing.TB, b *Builder) backup.Entry {
	t.Helper()
	root, err := b.Finish(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// mailSteps are the members of an account with one large maildir and a few small directories.
func mailSteps(n int) []step {
	r := rand.New(rand.NewSource(int64(n)))
	steps := []step{{"", backup.Entry{Mode: backup.ModeDir | 0o700}, 0}}
	at := int64(block)
	add := func(path string, mode uint32, size int64) {
		e := backup.Entry{Mode: mode, UID: 1001, GID: 12, Size: size, Offset: at + block, MTime: (1.7e9 + r.Int63n(1e7)) * 1e9}
		steps = append(steps, step{path, e, at})
		at += block + (size+block-1)&^(block-1)
	}
	for i := range n {
		if i%1000 == 500 {
			sub := fmt.Sprintf("cur/sub%d", i)
			add(sub, backup.ModeDir|0o755, 0)
			add(sub+"/a", backup.ModeRegular|0o644, 100)
			add(sub+"/b\x00", backup.ModeDir|0o755, 0)
			add(sub+"/b\x00/c", backup.ModeRegular|0o644, 100)
		}
		add(mailName(r, i), backup.ModeRegular|0o640, r.Int63n(20000))
	}
	return steps
}

func mailName(r *rand.Rand, i int) string {
	return fmt.Sprintf("cur/%d.M%dP%d.server.example.com,S=%d,W=%d:2,S", 1700000000+i*37, r.Intn(1e6), r.Intn(60000),
		r.Intn(20000), r.Intn(20000))
}

func TestNumbersNamesAndListingsAgree(t *testing.T) {
	trees := map[string][]step{
		"empty":  nil,
		"one":    {{"a", backup.Entry{Mode: backup.ModeRegular | 0o644, Offset: block}, 0}},
		"random": randomSteps(rand.New(rand.NewSource(7)), 500, 6),
		"wide":   randomSteps(rand.New(rand.NewSource(8)), 3000, 300),
		"mail":   mailSteps(2000),
	}
	for name, steps := range trees {
		t.Run(name, func(t *testing.T) {
			store := treetest.NewStore()
			root := buildSteps(t, store, steps)
			checkTree(t, New(store, root, NewCache(1<<20)))
			if len(steps) <= 500 {
				checkTree(t, New(store, root, NewCache(0)))
			}
		})
	}
}

// checkTree compares every way to reach an entry with the listings.
func checkTree(t *testing.T, tr *Tree) {
	t.Helper()
	ctx := context.Background()
	next := uint64(1)
	var walk func(dir Item, path string)
	walk = func(dir Item, path string) {
		listed := 0
		for it, err := range tr.List(ctx, dir, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if it.Number != next {
				t.Fatalf("%s/%q has number %d, want %d", path, it.Name, it.Number, next)
			}
			next++
			checkItem(t, tr, dir, it, join(path, it.Name), listed)
			listed++
			if it.IsDir() {
				walk(it, join(path, it.Name))
			}
		}
		if n, err := tr.Len(ctx, dir); n != listed || err != nil {
			t.Fatalf("%q has length %d, %v; %d were listed", path, n, err, listed)
		}
		if _, err := tr.Lookup(ctx, dir, "not there"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("look-up of a name that is not there: %v", err)
		}
	}
	walk(tr.Root(), "")
	if next != tr.Root().Count+1 {
		t.Fatalf("%d entries listed, the root counts %d", next-1, tr.Root().Count)
	}
	for _, n := range []uint64{next, next + 1, 1 << 62, 1<<64 - 1} {
		if _, err := tr.Item(ctx, n); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("entry %d of %d: %v", n, next, err)
		}
	}
}

func checkItem(t *testing.T, tr *Tree, dir, want Item, path string, at int) {
	t.Helper()
	ctx := context.Background()
	item, err1 := tr.Item(ctx, want.Number)
	found, err2 := tr.Lookup(ctx, dir, want.Name)
	gotPath, err3 := tr.Path(ctx, want.Number)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", want)
	if s := fmt.Sprintf("%+v", item); s != text {
		t.Fatalf("entry by number:\n got %s\nwant %s", s, text)
	}
	if s := fmt.Sprintf("%+v", found); s != text {
		t.Fatalf("entry by name:\n got %s\nwant %s", s, text)
	}
	if gotPath != path {
		t.Fatalf("path of entry %d is %q, want %q", want.Number, gotPath, path)
	}
	for it, err := range tr.List(ctx, dir, at) {
		if s := fmt.Sprintf("%+v", it); err != nil || s != text {
			t.Fatalf("listing from %d starts with %s, %v; want %s", at, s, err, text)
		}
		break
	}
	if at%100 == 0 {
		resolved, err := tr.Resolve(ctx, path)
		if err != nil || resolved.Number != want.Number {
			t.Fatalf("%q resolves to entry %d, %v; want %d", path, resolved.Number, err, want.Number)
		}
	}
}

func TestLookupInLargeDirectoryReadsThreeNodes(t *testing.T) {
	store := treetest.NewStore()
	root := buildSteps(t, store, mailSteps(30000))
	tr := New(store, root, NewCache(0))
	dir, err := tr.Resolve(context.Background(), "cur")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for it, err := range tr.List(context.Background(), dir, 0) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, it.Name)
	}
	before, _ := store.Calls()
	const n = 500
	for i := range n {
		if _, err := tr.Lookup(context.Background(), dir, names[i*len(names)/n]); err != nil {
			t.Fatal(err)
		}
	}
	after, _ := store.Calls()
	if reads := after - before; reads > n*31/10 {
		t.Errorf("%d look-ups read %d nodes", n, reads)
	}
}

func TestListingFromTheEndReadsOnePage(t *testing.T) {
	store := treetest.NewStore()
	root := buildSteps(t, store, mailSteps(30000))
	tr := New(store, root, NewCache(0))
	dir, err := tr.Resolve(context.Background(), "cur")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := tr.Len(context.Background(), dir)
	before, _ := store.Calls()
	listed := 0
	for _, err := range tr.List(context.Background(), dir, n-1) {
		if err != nil {
			t.Fatal(err)
		}
		listed++
	}
	if after, _ := store.Calls(); listed != 1 || after-before != 2 {
		t.Errorf("%d entries with %d reads, want 1 with 2", listed, after-before)
	}
}

func TestAbsentAndBrokenNeverMix(t *testing.T) {
	store := treetest.NewStore()
	root := buildSteps(t, store, mailSteps(1500))
	for _, h := range store.Hashes() {
		data, err := store.Get(context.Background(), h)
		if err != nil {
			t.Fatal(err)
		}
		store.Drop(h)
		tr := New(store, root, NewCache(0))
		err = walkAll(tr, tr.Root())
		if err == nil {
			err = lookupAll(tr)
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("tree without node %s: %v", h, err)
		}
		store.Damage(h, data)
	}
}

// lookupAll looks up every name of the large directory: only that reads buckets.
func lookupAll(tr *Tree) error {
	dir, err := tr.Resolve(context.Background(), "cur")
	if err != nil {
		return err
	}
	for it, err := range tr.List(context.Background(), dir, 0) {
		if err != nil {
			return err
		}
		if _, err := tr.Lookup(context.Background(), dir, it.Name); err != nil {
			return err
		}
	}
	return nil
}

// walkAll lists everything below dir.
func walkAll(tr *Tree, dir Item) error {
	for it, err := range tr.List(context.Background(), dir, 0) {
		if err != nil {
			return err
		}
		if it.IsDir() {
			if err := walkAll(tr, it); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestTreesShareACacheSideBySide(t *testing.T) {
	store := treetest.NewStore()
	root := buildSteps(t, store, mailSteps(3000))
	cache := NewCache(100_000)
	done := make(chan error)
	for range 4 {
		go func() {
			tr := New(store, root, cache)
			done <- errors.Join(walkAll(tr, tr.Root()), walkAll(tr, tr.Root()))
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := cache.nodes.Weight(); n > cache.limit || n == 0 {
		t.Errorf("cache of %d bytes has %d", cache.limit, n)
	}
}

func TestCountsAreCompared(t *testing.T) {
	store := treetest.NewStore()
	root := buildSteps(t, store, mailSteps(2000))
	for _, wrong := range []uint64{0, root.Count - 1, root.Count + 1} {
		claim := root
		claim.Count = wrong
		tr := New(store, claim, NewCache(0))
		if _, err := tr.Len(context.Background(), tr.Root()); !errors.Is(err, ErrDamaged) {
			t.Errorf("root that counts %d instead of %d: %v", wrong, root.Count, err)
		}
	}
	tr := New(store, root, NewCache(0))
	dir, err := tr.Resolve(context.Background(), "cur")
	if err != nil {
		t.Fatal(err)
	}
	dir.Child = root.Child // a page where its index is expected
	if _, err := tr.Len(context.Background(), dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("directory with another's node: %v", err)
	}
	if _, err := tr.Lookup(context.Background(), dir, "x"); !errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("look-up in a directory with another's node: %v", err)
	}
}

func TestReferencesReachEverything(t *testing.T) {
	store := treetest.NewStore()
	steps := mailSteps(5000)
	root := buildSteps(t, store, steps)
	reached := map[backup.Hash]bool{}
	todo := []backup.Hash{root.Child}
	for len(todo) > 0 {
		h := todo[0]
		todo = todo[1:]
		if reached[h] {
			continue
		}
		reached[h] = true
		data, err := store.Get(context.Background(), h)
		if err != nil {
			t.Fatal(err)
		}
		refs, err := References(data)
		if err != nil {
			t.Fatal(err)
		}
		todo = append(todo, refs...)
	}
	if len(reached) != store.Len() {
		t.Errorf("%d of %d nodes reached", len(reached), store.Len())
	}
	for _, blob := range []string{"", "\x01", "\x01p", "\x01i", "\x01n", "a list of parts", "\x01\x00\x00"} {
		if refs, err := References([]byte(blob)); err == nil || refs != nil {
			t.Errorf("%q is taken for a node with references %v", blob, refs)
		}
	}
}

func TestStoredPathHasTheNamesOfTheDestination(t *testing.T) {
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	for _, e := range []struct{ path, stored string }{{"A", "=41"}, {"A/b", ""}, {"A/C", "=43"}} {
		entry := backup.Entry{Mode: backup.ModeRegular | 0o600, Stored: e.stored}
		if e.path == "A" {
			entry.Mode = backup.ModeDir | 0o700
		}
		if added, err := b.Add(context.Background(), e.path, entry, 0); err != nil || !added.OK {
			t.Fatal(added, err)
		}
	}
	root, err := b.Finish(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	tr := New(store, root, NewCache(1<<20))
	for path, want := range map[string]string{"": "", "A": "=41", "A/b": "=41/b", "A/C": "=41/=43"} {
		item, err := tr.Resolve(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tr.StoredPath(context.Background(), item.Number); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
}
