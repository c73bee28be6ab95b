package tree

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
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
	return backup.Entry{Mode: backup.ModeDir | 0o755, UID: e.UID, GID: e.GID, MTime: e.MTime, Far: e.Far, Offset: at}
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
