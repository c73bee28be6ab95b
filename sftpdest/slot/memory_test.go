package slot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

var (
	errKilled = errors.New("the run was killed")
	// errCut is what a destination says of a request whose connection was lost and that it does not repeat.
	errCut = fmt.Errorf("%w: %w", dest.ErrConnectionLost, dest.ErrUnreachable)

	_ dest.ReadWriter     = (*memory)(nil)
	_ dest.FileWriter     = (*memory)(nil)
	_ dest.Copier         = (*memory)(nil)
	_ dest.Linker         = (*memory)(nil)
	_ dest.Symlinker      = (*memory)(nil)
	_ dest.DirSyncer      = (*memory)(nil)
	_ dest.DurableRenamer = (*memory)(nil)
	_ dest.StatFS         = (*memory)(nil)
)

// memory is a server with a file system that forgets, when its power is cut, any part of what was not synced: of the
// content of files as of the names in directories. Each step that a server takes by itself is one operation.
type memory struct {
	mu      sync.Mutex // guards what follows
	root    *node
	pending []change // of names, in order
	now     int64    // the server's clock
	ops     int
	killAt  int  // the operation that is not done any more, and none after it; 0: none
	late    bool // that one operation is done, but nobody hears of it
	dead    bool
	unsync  bool // the server offers no fsync
	plain   bool // it cannot rename over a file
	hear    func(op, path string) error
	ranged  int64 // bytes that CopyRanges copied
}

type node struct {
	mode     uint32
	mtime    int64
	data     []byte
	target   string
	children map[string]*node

	// What is on the disk.
	safe         bool // data and mtime are
	safeData     []byte
	safeMTime    int64
	safeChildren map[string]*node
}

// change is a name that appeared, went or moved.
type change struct {
	from, to         *node // directories; nil: not there
	fromName, toName string
	what             *node
}

func newMemory() *memory {
	return &memory{root: newDirectory(0o755), now: 1_700_000_000}
}

func newDirectory(mode uint32) *node {
	return &node{mode: backup.ModeDir | mode, children: map[string]*node{}, safeChildren: map[string]*node{}}
}

// clone copies the server.
func (m *memory) clone() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	copies := make(map[*node]*node)
	var walk func(n *node) *node
	walk = func(n *node) *node {
		if n == nil {
			return nil
		}
		if c := copies[n]; c != nil {
			return c
		}
		c := *n
		copies[n] = &c
		c.data = bytes.Clone(n.data)
		if n.children != nil {
			c.children, c.safeChildren = map[string]*node{}, map[string]*node{}
			for name, child := range n.children {
				c.children[name] = walk(child)
			}
			for name, child := range n.safeChildren {
				c.safeChildren[name] = walk(child)
			}
		}
		return &c
	}
	c := &memory{root: walk(m.root), now: m.now, unsync: m.unsync, plain: m.plain}
	for _, p := range m.pending {
		c.pending = append(c.pending, change{walk(p.from), walk(p.to), p.fromName, p.toName, walk(p.what)})
	}
	return c
}

// begin counts an operation and tells whether it is done. lost is what its caller hears if it is done all the same.
func (m *memory) begin(op, path string) (lost, err error) {
	if err := dest.CheckPath(path); err != nil {
		return nil, err
	}
	if m.dead {
		return nil, errKilled
	}
	if m.hear != nil {
		if err := m.hear(op, path); err != nil {
			return nil, err
		}
	}
	m.ops++
	if m.killAt > 0 && m.ops >= m.killAt {
		m.dead = true
		if m.late {
			return errKilled, nil
		}
		return nil, errKilled
	}
	return nil, nil
}

// do runs f as one operation.
func (m *memory) do(ctx context.Context, op, path string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	lost, err := m.begin(op, path)
	if err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	if err := f(); err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return lost
}

// find needs m.mu.
func (m *memory) find(path string) (*node, error) {
	n := m.root
	if path == "" {
		return n, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		if n.children == nil {
			return nil, syscall.ENOTDIR
		}
		if n = n.children[name]; n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

// around returns the directory of path and the last element.
func (m *memory) around(path string) (*node, string, error) {
	name := manifest.Base(path)
	dir, err := m.find(dest.Parent(path))
	if err == nil && dir.children == nil {
		err = syscall.ENOTDIR
	}
	if err == nil && len(name) > 255 {
		err = syscall.ENAMETOOLONG
	}
	return dir, name, err
}

// alter changes names, and notes it.
func (m *memory) alter(c change) {
	apply(c, false)
	m.pending = append(m.pending, c)
}

func apply(c change, safe bool) {
	children := func(n *node) map[string]*node {
		if safe {
			return n.safeChildren
		}
		return n.children
	}
	if c.from != nil && children(c.from)[c.fromName] == c.what {
		delete(children(c.from), c.fromName)
	}
	if c.to != nil {
		children(c.to)[c.toName] = c.what
	}
}

func (m *memory) add(path string, n *node) error {
	dir, name, err := m.around(path)
	if err != nil {
		return err
	}
	if dir.children[name] != nil {
		return fs.ErrExist
	}
	m.alter(change{to: dir, toName: name, what: n})
	return nil
}

// cut is a power cut: of what was not synced any part is lost.
func (m *memory) cut(rnd *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	share := rnd.Float64()
	for _, c := range m.pending {
		if rnd.Float64() < share {
			apply(c, true)
		}
	}
	m.pending, m.dead, m.killAt = nil, false, 0
	seen := make(map[*node]bool)
	var walk func(n *node)
	walk = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.children != nil {
			n.children = map[string]*node{}
			for name, child := range n.safeChildren {
				n.children[name] = child
				walk(child)
			}
			return
		}
		if !n.safe && n.mode&backup.ModeType == backup.ModeRegular {
			switch rnd.IntN(4) {
			case 0:
				n.data = n.safeData
			case 1:
				n.data = nil
			case 2:
				n.data = n.data[:rnd.IntN(len(n.data)+1)]
			}
			if rnd.IntN(2) == 0 {
				n.mtime = n.safeMTime
			}
		}
		n.safe, n.safeData, n.safeMTime = true, bytes.Clone(n.data), n.mtime
	}
	walk(m.root)
}

func (m *memory) info(name string, n *node) dest.Info {
	return dest.Info{Name: name, Mode: n.mode, Size: int64(len(n.data)), MTime: n.mtime}
}

func (m *memory) List(ctx context.Context, dir string) (list []dest.Info, err error) {
	err = m.do(ctx, "list", dir, func() error {
		n, err := m.find(dir)
		if err != nil {
			return err
		}
		for name, child := range n.children {
			list = append(list, m.info(name, child))
		}
		return nil
	})
	return list, err
}

func (m *memory) ReadLink(ctx context.Context, path string) (target string, err error) {
	err = m.do(ctx, "readlink", path, func() error {
		n, err := m.find(path)
		if err == nil {
			target = n.target
		}
		return err
	})
	return target, err
}

func (m *memory) Stat(ctx context.Context, path string) (info dest.Info, err error) {
	err = m.do(ctx, "stat", path, func() error {
		n, err := m.find(path)
		if err == nil {
			info = m.info(manifest.Base(path), n)
		}
		return err
	})
	return info, err
}
