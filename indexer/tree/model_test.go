package tree

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// model extracts members into memory the way tar does it on a disk: directories with ordered names,
// names that point to inodes.
type model struct {
	root *inode
	last int
}

type inode struct {
	id       int
	e        backup.Entry
	first    string // path it was made at
	children []*dirent
}

type dirent struct {
	name, stored string
	node         *inode
}

func newModel() *model { return &model{} }

func (m *model) make(e backup.Entry, first string) *inode {
	m.last++
	return &inode{id: m.last, e: e, first: first}
}

func (m *model) begin(e backup.Entry, at int64) {
	if m.root == nil {
		m.root = m.make(modelImplied(e, at), "")
	}
}

func modelImplied(e backup.Entry, at int64) backup.Entry {
	return backup.Entry{Mode: backup.ModeDir | 0o755, UID: e.UID, GID: e.GID, MTime: e.MTime, Offset: at}
}

func (n *inode) find(name string) int {
	return slices.IndexFunc(n.children, func(d *dirent) bool { return d.name == name })
}

func (n *inode) set(name, stored string, child *inode) {
	if i := n.find(name); i >= 0 {
		n.children = slices.Delete(n.children, i, i+1)
	}
	n.children = append(n.children, &dirent{name, stored, child})
}

// dir finds the directory at path as the kernel would while tar extracts, and its path without links. What is missing is
// made in the name of e, if it is not nil, but not what links lead to.
func (m *model) dir(path string, e *backup.Entry, at int64) (*inode, string) {
	type part struct {
		name string
		own  bool
	}
	var parts []part
	for _, name := range strings.Split(path, "/") {
		parts = append(parts, part{name, true})
	}
	n, real := m.root, ""
	for links := 0; len(parts) > 0; {
		p := parts[0]
		parts = parts[1:]
		if p.name == "" || p.name == "." {
			continue
		}
		i := n.find(p.name)
		if i < 0 {
			if e == nil || !p.own {
				return nil, ""
			}
			n.set(p.name, "", m.make(modelImplied(*e, at), ""))
			i = n.find(p.name)
		}
		child := n.children[i].node
		switch {
		case child.e.IsDir():
			n, real = child, join(real, p.name)
		case !child.e.IsSymlink() || links == 40 || child.e.Target[0] == '/' || slices.Contains(strings.Split(child.e.Target, "/"), ".."):
			return nil, ""
		default:
			links++
			var all []part
			for _, name := range strings.Split(child.e.Target, "/") {
				all = append(all, part{name, false})
			}
			parts = append(all, parts...)
		}
	}
	return n, real
}

func (m *model) lookup(path string) *inode {
	dir, name := splitPath(path)
	n, _ := m.dir(dir, nil, 0)
	if n == nil || n.find(name) < 0 {
		return nil
	}
	return n.children[n.find(name)].node
}

func (m *model) add(path string, e backup.Entry, at int64) bool {
	m.begin(e, at)
	if path == "" {
		if !e.IsDir() {
			return false
		}
		e.Offset = m.root.e.Offset
		m.root.e = e
		return true
	}
	var target *inode
	stored := e.Stored
	if e.Link != "" {
		target = m.lookup(e.Link)
		if target == nil || target.e.IsDir() && e.Link != path {
			return false
		}
		if e.Link == path {
			return true
		}
		e = target.e
	}
	parent, name := splitPath(path)
	dir, real := m.dir(parent, &e, at)
	if dir == nil {
		return false
	}
	var old *inode
	i := dir.find(name)
	if i >= 0 {
		old = dir.children[i].node
	}
	switch {
	case target != nil && old == target:
	case old != nil && old.e.IsDir() && e.IsDir():
		e.Offset = old.e.Offset
		old.e, dir.children[i].stored = e, stored
	case old != nil && old.e.IsDir() && len(old.children) > 0:
		return false
	case target != nil:
		dir.set(name, stored, target)
	case e.IsDir():
		e.Offset = at
		dir.set(name, stored, m.make(e, join(real, name)))
	default:
		dir.set(name, stored, m.make(e, join(real, name)))
	}
	return true
}

// list tells what a tree should have, one line for each entry, in order.
func (m *model) list() []string {
	names, first := map[int]int{}, map[int]string{}
	m.walk(m.root, "", func(path string, d *dirent) {
		n := d.node
		names[n.id]++
		if first[n.id] == "" || path == n.first {
			first[n.id] = path
		}
	})
	var all []string
	number := 0
	m.walk(m.root, "", func(path string, d *dirent) {
		number++
		n, e := d.node, d.node.e
		e.Stored = d.stored
		e.Name, e.Link, e.Nlink = path, "", uint32(names[n.id])
		if e.IsDir() {
			e.Nlink, e.Attributed = 2, m.attributed(n)
			for _, d := range n.children {
				if d.node.e.IsDir() && !strings.HasSuffix(d.name, backup.NestedSuffix) {
					e.Nlink++
				}
			}
		} else if first[n.id] != path {
			e.Link = first[n.id]
		}
		all = append(all, line(number, e))
	})
	return all
}

// attributed reports whether anything below dir has extended attributes.
func (m *model) attributed(dir *inode) (found bool) {
	m.walk(dir, "", func(_ string, d *dirent) { found = found || len(d.node.e.Xattrs) > 0 })
	return found
}

func (m *model) walk(dir *inode, path string, visit func(string, *dirent)) {
	for _, d := range dir.children {
		visit(join(path, d.name), d)
		m.walk(d.node, join(path, d.name), visit)
	}
}

func line(number int, e backup.Entry) string {
	e.Child, e.Count = backup.Hash{}, 0
	return fmt.Sprintf("%d %+v", number, e)
}

// walkTree tells what a tree has, in the same way.
func walkTree(t *testing.T, tr *Tree) []string {
	t.Helper()
	var all []string
	var walk func(dir Item, path string)
	walk = func(dir Item, path string) {
		for it, err := range tr.List(context.Background(), dir, 0) {
			if err != nil {
				t.Fatal(err)
			}
			full := it
			it.Name = join(path, it.Name)
			all = append(all, line(int(it.Number), it.Entry))
			if it.IsDir() {
				walk(full, it.Name)
			}
		}
	}
	walk(tr.Root(), "")
	return all
}

func compareLists(t *testing.T, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("entry %d:\n got %s\nwant %s", i+1, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
}

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

// checkFolders compares what a Builder believes about its open directories with what they are.
func checkFolders(t *testing.T, b *Builder) {
	t.Helper()
	var used int64
	seen := map[*folder]bool{}
	for f := b.back; f != nil; f = f.newer {
		weight, dead := int64(folderBytes), 0
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
			checkFolders(t, b)
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
