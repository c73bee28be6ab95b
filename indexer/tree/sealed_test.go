package tree

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// crowdedSteps are members of a few large directories in any order, some of them replaced later, some of them directories
// with members of their own, some of them hard links.
func crowdedSteps(r *rand.Rand, n int, archive bool) []step {
	var steps []step
	paths := []string{"a/first"}
	at := int64(0)
	for len(steps) < n {
		if archive {
			at += int64(1+r.Intn(3)) * block
		}
		path := fmt.Sprintf("%c/%x", 'a'+r.Intn(2), r.Intn(2*n))
		s := step{path: path, at: at, e: backup.Entry{Mode: backup.ModeRegular | 0o644, Size: int64(r.Intn(3000)), MTime: int64(r.Intn(1e6)) * 1e9}}
		if archive {
			s.e.Offset = at + block
		}
		switch r.Intn(40) {
		case 0, 1:
			s.e.Mode, s.e.Size = backup.ModeDir|0o755, 0
		case 2, 3, 4:
			s.path += fmt.Sprintf("/%d", r.Intn(5))
		case 5:
			s.path = paths[r.Intn(len(paths))]
		case 6:
			s.e = backup.Entry{Mode: backup.ModeRegular, Link: paths[r.Intn(len(paths))]}
		case 7:
			s.e.Xattrs = []backup.Xattr{{Name: "user.x", Value: string(make([]byte, r.Intn(3000)))}}
		}
		paths = append(paths, s.path)
		steps = append(steps, s)
	}
	return steps
}

//check:without it takes seconds
func TestDirectoriesThatDoNotFitInMemoryHaveTheSameNodes(t *testing.T) {
	for seed := range int64(24) {
		r := rand.New(rand.NewSource(seed))
		steps := crowdedSteps(r, 500+r.Intn(6000), seed%3 != 0)
		want := buildSteps(t, treetest.NewStore(), steps)
		store := treetest.NewStore()
		b := NewBuilder(store, backup.Entry{})
		set := func() { b.limit, b.sealFrom = int64(2000+r.Intn(200_000)), 1+r.Intn(100) }
		set()
		for i, s := range steps {
			if _, err := b.Add(context.Background(), s.path, s.e, s.at); err != nil {
				t.Fatal(err)
			}
			if i%1000 == 999 {
				checkDirectories(t, b)
				root, err := b.Flush(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				checkDirectories(t, b)
				if r.Intn(2) == 0 {
					b = NewBuilder(store, root)
					set()
				}
			}
		}
		root := finish(t, b)
		if fmt.Sprint(root) != fmt.Sprint(want) {
			t.Errorf("seed %d: %d members\n%+v, not\n%+v", seed, len(steps), root, want)
		}
		checkTree(t, New(store, root, NewCache(1<<20)))
	}
}

//check:without it takes seconds
func TestADirOfManyFilesFitsInLittleMemory(t *testing.T) {
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	const n = 300_000
	most := int64(0)
	for i := range n {
		e := backup.Entry{Mode: backup.ModeRegular | 0o600, Offset: int64(i+1) * block}
		if ok, err := b.Add(context.Background(), fmt.Sprintf("d/%07d", i), e, e.Offset-block); !ok.OK || err != nil {
			t.Fatal(ok, err)
		}
		most = max(most, b.used)
	}
	if root := finish(t, b); root.Count != n+1 {
		t.Errorf("%d entries", root.Count)
	}
	if most > openLimit+1<<20 {
		t.Errorf("%d bytes in memory", most)
	}
}

//check:without it takes seconds
func TestFilesThatComeScatteredOverDirectoriesAreNotReadAgain(t *testing.T) {
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	b.limit = 4 << 20
	const n, dirCount = 200_000, 200
	for i := range n {
		e := backup.Entry{Mode: backup.ModeRegular | 0o600, Offset: int64(i+1) * block}
		path := fmt.Sprintf("%03d/%07d", i*7919%dirCount, i)
		if ok, err := b.Add(context.Background(), path, e, e.Offset-block); !ok.OK || err != nil {
			t.Fatal(ok, err)
		}
	}
	if root := finish(t, b); root.Count != n+dirCount {
		t.Errorf("%d entries", root.Count)
	}
	if b.reread > 4*b.added {
		t.Errorf("%d bytes read again of %d", b.reread, b.added)
	}
}

func TestOneBuilderAtATimeTakesMuchMemory(t *testing.T) {
	var m Memory
	begin := func() (*Builder, func(context.Context, int) error) {
		b := NewBuilder(treetest.NewStore(), backup.Entry{})
		b.Share(&m)
		b.limit = 1000
		n := 0
		return b, func(ctx context.Context, more int) error {
			for range more {
				n++
				if _, err := b.Add(ctx, fmt.Sprintf("%0200d", n), backup.Entry{Mode: backup.ModeRegular}, 0); err != nil {
					return err
				}
			}
			return nil
		}
	}
	first, add := begin()
	if err := add(t.Context(), 50); err != nil || !first.large {
		t.Fatalf("%v, large: %v", err, first.large)
	}
	second, addToo := begin()
	over, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := addToo(over, 50); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("beside a large one: %v", err)
	}
	first.Release()
	if err := addToo(t.Context(), 50); err != nil || !second.large {
		t.Errorf("behind it: %v", err)
	}
	second.Release()
}
