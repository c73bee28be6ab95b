package tree

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// step is one member.
type step struct {
	path string
	e    backup.Entry
	at   int64
}

// randomSteps makes members that collide with each other in every way.
func randomSteps(r *rand.Rand, n, names int) []step {
	steps := make([]step, n)
	at := int64(0)
	path := func() string {
		depth := 1 + r.Intn(4)
		parts := make([]string, depth)
		for i := range parts {
			parts[i] = fmt.Sprintf("n%d", r.Intn(names))
			if r.Intn(20) == 0 {
				parts[i] += backup.NestedSuffix
			}
		}
		return strings.Join(parts, "/")
	}
	for i := range steps {
		s := step{path: path(), at: at}
		s.e = backup.Entry{UID: uint32(r.Intn(3)), GID: uint32(r.Intn(3)), MTime: r.Int63n(4e9) * 1e9, Offset: at + block, Nlink: 1}
		if r.Intn(4) == 0 {
			s.e.MTime += r.Int63n(1e9) - 5e17
		}
		if r.Intn(8) == 0 {
			s.e.SetTime(backup.Time{Sec: r.Int63n(1e12) - 5e11, Nsec: r.Int31n(2) * r.Int31n(1e9)})
		}
		switch k := r.Intn(20); {
		case k < 5:
			s.e.Mode = backup.ModeDir | 0o700
		case k < 9:
			s.e = backup.Entry{Mode: backup.ModeRegular, Link: path()}
		case k < 10:
			s.e.Mode, s.e.Target = backup.ModeSymlink|0o777, []string{"somewhere/else", "/n0", "../n1", "./n0/", "n1", "n2/n0", "."}[r.Intn(7)]
		case k < 11:
			s.e.Mode, s.e.Rdev = backup.ModeChar|0o600, uint64(r.Intn(1000)+1)
		case k < 12:
			s.e.Mode, s.e.Size = backup.ModeRegular|0o600, 1<<40
			s.e.Sparse = []backup.Extent{{Offset: 512, Length: 1000}, {Offset: 1 << 39, Length: 5}}
		case k < 13:
			s.path = ""
			s.e.Mode = backup.ModeDir | 0o711
		default:
			s.e.Mode, s.e.Size = backup.ModeRegular|0o644, r.Int63n(1<<uint(1+r.Intn(30)))
			if r.Intn(3) == 0 {
				s.e.Xattrs = []backup.Xattr{{Name: "user.a", Value: "1"}, {Name: "user.b", Value: string(make([]byte, r.Intn(200)))}}
			}
			s.e.Checksums = randomChecksums(r, s.e.Size)
		}
		if s.path != "" && r.Intn(5) == 0 {
			s.e.Stored = fmt.Sprintf("stored %d", r.Intn(3))
		}
		at += block
		if s.e.IsRegular() && s.e.Sparse == nil {
			at += (s.e.Size + block - 1) &^ (block - 1)
		}
		steps[i] = s
	}
	return steps
}

// randomChecksums are none, that of the whole, or those of the blocks too.
func randomChecksums(r *rand.Rand, size int64) backup.Checksums {
	whole, blocks := make([]byte, 32*r.Intn(2)), make([]byte, 4*backup.Blocks(size)*int64(r.Intn(2)))
	if len(whole) == 0 {
		return ""
	}
	r.Read(whole)
	r.Read(blocks)
	return backup.Checksums(whole) + backup.Checksums(blocks)
}

// checkDirectories compares what a Builder believes about its open directories with what they are.
func checkDirectories(t *testing.T, b *Builder) {
	t.Helper()
	var used int64
	seen := map[*openDir]bool{}
	for f := b.back; f != nil; f = f.newer {
		weight, dead := int64(openDirBytes), 0
		for i := range f.recs {
			r := &f.recs[i]
			if r.name == "" {
				dead++
				continue
			}
			if at := f.names.find(f.recs, r.name); at != i {
				t.Fatalf("%q is entry %d and found at %d", r.name, i, at)
			}
		}
		opened := 0
		for r := range f.inMemory {
			weight += r.weight()
			if r.isDir() && r.more.open != nil {
				opened++
				if !seen[r.more.open] {
					t.Fatalf("folder %q is newer than its parent, or not in the list", r.name)
				}
			}
		}
		if opened != f.opened {
			t.Fatalf("folder %q has %d open folders, not %d", f.name, opened, f.opened)
		}
		if f.sealed != nil {
			weight += f.sealed.bytes
		}
		if weight != f.weight || dead != f.dead || f.pinned || seen[f.parent] {
			t.Fatalf("folder %q weighs %d, not %d, and has %d dead entries, not %d", f.name, weight, f.weight, dead, f.dead)
		}
		seen[f] = true
		used += weight
	}
	if used != b.used || !seen[b.top] || b.last != nil && !seen[b.last] {
		t.Fatalf("%d bytes used, not %d", used, b.used)
	}
}

//check:without it takes seconds
func TestBuilderExtractsAsTarDoes(t *testing.T) {
	for seed := range int64(400) {
		r := rand.New(rand.NewSource(seed))
		steps := randomSteps(r, 1+r.Intn(200), 2+r.Intn(6))
		store, m := treetest.NewStore(), newModel()
		b := NewBuilder(store, backup.Entry{})
		if seed%4 == 3 {
			b.sealFrom = 1 + r.Intn(4) // and puts parts of them into the store
		}
		for i, s := range steps {
			if seed%2 == 1 {
				b.limit, b.calm = int64(r.Intn(5000)), 0 // closes directories all the time
			}
			got, err := b.Add(context.Background(), s.path, s.e, s.at)
			if err != nil {
				t.Fatal(err)
			}
			if want := m.add(s.path, s.e, s.at); got.OK != want {
				t.Fatalf("seed %d, member %d: added %v, want %v", seed, i, got, want)
			}
			checkDirectories(t, b)
		}
		root, err := b.Finish(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		tr := New(store, root, NewCache(1<<20))
		compareLists(t, walkTree(t, tr), m.list())
		if root.Attributed != m.attributed(m.root) {
			t.Fatalf("seed %d: attributes below the root: %v", seed, root.Attributed)
		}
	}
}
