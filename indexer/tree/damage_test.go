package tree

import (
	"bytes"
	"context"
	"errors"
	"math/rand"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// unchecked is a store that does not compare hashes: one node of it is damaged and nobody noticed.
type unchecked struct {
	Store
	hash backup.Hash
	data []byte
}

func (u *unchecked) Get(ctx context.Context, h backup.Hash) ([]byte, error) {
	if h == u.hash {
		return u.data, nil
	}
	return u.Store.Get(ctx, h)
}

//check:without it takes seconds
func TestFlippedBytesAreErrorsOrOtherValuesButNeverPanics(t *testing.T) {
	store := treetest.NewStore()
	root := buildSteps(t, store, append(randomSteps(rand.New(rand.NewSource(5)), 150, 5), mailSteps(600)...))
	refused, accepted := 0, 0
	kinds := map[byte]int{}
	for _, h := range store.Hashes() {
		data, err := store.Get(context.Background(), h)
		if err != nil {
			t.Fatal(err)
		}
		kinds[data[1]]++
		step := 1 + len(data)/60
		for i := 0; i < len(data); i += step {
			for _, flip := range []byte{1, 0x80, 0xff} {
				broken := bytes.Clone(data)
				broken[i] ^= flip
				if !reencodes(t, broken) {
					refused++
					continue
				}
				accepted++
				tr := New(&unchecked{store, h, broken}, root, NewCache(0))
				walkNumbers(tr, 12)
			}
		}
		for n := 0; n < len(data); n += step {
			if _, err := decode(data[:n]); !errors.Is(err, ErrDamaged) {
				t.Fatalf("node cut to %d of %d bytes: %v", n, len(data), err)
			}
		}
		if _, err := decode(append(bytes.Clone(data), 0)); !errors.Is(err, ErrDamaged) {
			t.Fatalf("node with a byte too many: %v", err)
		}
	}
	if refused == 0 || accepted == 0 || len(kinds) != 3 {
		t.Errorf("%d refused, %d accepted, of kinds %v", refused, accepted, kinds)
	}
}

// reencodes reports whether data decodes, and then fails unless it encodes to the same bytes.
func reencodes(t *testing.T, data []byte) bool {
	t.Helper()
	n, err := decode(data)
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Fatalf("error of another kind: %v", err)
		}
		return false
	}
	var again []byte
	switch n := n.(type) {
	case *page:
		again = encodePage(n.recs, 0)
	case *indexNode:
		again = n.encode()
	case *bucket:
		again = n.encode()
	}
	if !bytes.Equal(again, data) {
		t.Fatalf("decodes from\n%x and encodes to\n%x", data, again)
	}
	return true
}

// walkNumbers goes to some entries of a tree that may be damaged. It must come to an end.
func walkNumbers(tr *Tree, n uint64) {
	ctx := context.Background()
	for i := range min(n, tr.Root().Count+1) {
		it, err := tr.Item(ctx, i)
		if err != nil || !it.IsDir() {
			continue
		}
		for child, err := range tr.List(ctx, it, 0) {
			if err != nil {
				break
			}
			if _, err := tr.Lookup(ctx, it, child.Name); err != nil {
				break
			}
		}
	}
}

func FuzzNode(f *testing.F) {
	store := treetest.NewStore()
	root := buildSteps(f, store, append(randomSteps(rand.New(rand.NewSource(5)), 60, 5), mailSteps(600)...))
	for _, h := range store.Hashes() {
		data, err := store.Get(context.Background(), h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !reencodes(t, data) {
			return
		}
		if _, err := References(data); err != nil {
			t.Fatalf("decodes, but has no references: %v", err)
		}
		broken := root
		broken.Child = Sum(data)
		if n, _ := decode(data); n != nil {
			switch n := n.(type) {
			case *page:
				broken.Count = n.count()
			case *indexNode:
				broken.Count = n.count
			}
		}
		walkNumbers(New(&unchecked{store, broken.Child, data}, broken, NewCache(0)), 20)
	})
}

func FuzzBuilder(f *testing.F) {
	f.Add([]byte("0123456789abcdef"))
	f.Add([]byte("\x00\x10\x20\x30\x41\x51\x61\x71\x82\x92\xa2\xb2"))
	f.Add(bytes.Repeat([]byte{7, 99, 200, 13, 5}, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		steps := foreignSteps(data)
		store, m := treetest.NewStore(), newModel()
		b := NewBuilder(store, backup.Entry{})
		for i, s := range steps {
			if i%3 == 2 {
				b.limit, b.calm = 0, 0
			}
			b.sealFrom = 2 + len(data)%2*1000
			got, err := b.Add(context.Background(), s.path, s.e, s.at)
			if err != nil {
				t.Fatal(err)
			}
			if want := m.add(s.path, s.e, s.at); got.OK != want {
				t.Fatalf("member %d: added %v, want %v", i, got, want)
			}
		}
		m.begin(backup.Entry{}, 0)
		tr := New(store, finish(t, b), NewCache(1<<20))
		compareLists(t, walkTree(t, tr), m.list())
	})
}

// foreignSteps makes members of any bytes, three for each.
func foreignSteps(data []byte) []step {
	path := func(v byte) string {
		names := []string{"a", "b", "c\x00", "d"}
		p := names[v&3]
		for v >>= 2; v&3 != 0; v >>= 2 {
			p += "/" + names[v&3]
		}
		return p
	}
	var steps []step
	for at := int64(0); len(data) >= 3 && len(steps) < 500; data = data[3:] {
		s := step{path: path(data[1]), at: at}
		s.e = backup.Entry{Mode: backup.ModeRegular | uint32(data[2]), Size: int64(data[2]) << 4, MTime: int64(data[2]) << 28, Offset: at + block}
		switch data[0] % 8 {
		case 0, 1:
			s.e.Mode, s.e.Size = backup.ModeDir|0o755, 0
		case 2, 3:
			s.e = backup.Entry{Link: path(data[2])}
		case 4:
			s.e.Mode, s.e.Target = backup.ModeSymlink, path(data[2])
		}
		at += 3 * block * int64(data[2])
		at += block
		steps = append(steps, s)
	}
	return steps
}
