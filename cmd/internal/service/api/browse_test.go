package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"reflect"
	"testing"

	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/browse"
	"slotfs/fs"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// shownTree is a directory that Tree shows.
type shownTree struct {
	nodes   []browse.Node // of directory 1
	content []byte        // of every file
	fails   int64         // reads fail from this offset on; 0: never; below 0: all
	opened  int
}

var _ browse.Paged = (*shownTree)(nil)

func (s *shownTree) Node(_ context.Context, id uint64) (browse.Node, error) {
	for _, n := range s.nodes {
		if n.ID == id {
			return n, nil
		}
	}
	return browse.Node{}, fmt.Errorf("node %d: %w", id, view.ErrGone)
}

func (s *shownTree) Lookup(_ context.Context, dir uint64, name string) (browse.Node, error) {
	for _, n := range s.nodes {
		if dir == 1 && n.Name == name {
			return n, nil
		}
	}
	return browse.Node{}, iofs.ErrNotExist
}

func (s *shownTree) List(ctx context.Context, dir uint64, yield func(*browse.Node) error) error {
	return s.ListFrom(ctx, dir, 0, yield)
}

func (s *shownTree) ListFrom(_ context.Context, _ uint64, from int, yield func(*browse.Node) error) error {
	for i := from; i < len(s.nodes); i++ {
		if err := yield(&s.nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *shownTree) Open(context.Context, *browse.Node) (fs.File, error) {
	s.opened++
	return s, nil
}

func (s *shownTree) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if s.fails < 0 {
		return 0, fmt.Errorf("read: %w", backup.ErrStale)
	}
	if s.fails > 0 && off+int64(len(p)) > s.fails {
		n := copy(p, s.content[min(off, s.fails):s.fails])
		return n, fmt.Errorf("read: %w", backup.ErrStale)
	}
	return bytes.NewReader(s.content).ReadAt(p, off)
}

func (s *shownTree) Close() error { return nil }

func (o *owner) Tree(context.Context, login.Identity) (browse.Paged, error) { return o.tree, o.err }

func shownNodes(size int) []browse.Node {
	return []browse.Node{
		{ID: 1, Attr: view.Attr{Mode: backup.ModeDir | 0o755, MTime: backup.Nanoseconds(-5)}},
		{ID: 2, Name: "caf\xe9&\x01", Attr: view.Attr{Mode: backup.ModeRegular | 0o640, UID: 7, GID: 8, Nlink: 2, Ino: 9, Size: int64(size)},
			Xattrs: []backup.Xattr{{Name: "user.x", Value: "\xff\x00"}}, Snapshot: &browse.Snapshot{Kind: backup.Slot, Status: backup.Complete, Detail: "d"}},
		{ID: 3, Name: "link", Target: "to\xff", Attr: view.Attr{Mode: backup.ModeSymlink | 0o777}},
		{ID: 4, Name: "holes", Attr: view.Attr{Mode: backup.ModeRegular, Size: 5}, Extents: []backup.Extent{}},
	}
}

func TestTreeOverTheSocketIsTheOwnersTree(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 300_000) // several pieces
	tree := &shownTree{nodes: shownNodes(len(content)), content: content}
	c, ctx := serve(t, &owner{tree: tree}), t.Context()
	remote := c.tree
	defer c.Close()
	var got []browse.Node
	if err := remote.List(ctx, 1, func(n *browse.Node) error { got = append(got, *n); return nil }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, tree.nodes) {
		t.Errorf("list\n%+v\nwant\n%+v", got, tree.nodes)
	}
	n, err := remote.Lookup(ctx, 1, "caf\xe9&\x01")
	if err != nil || !reflect.DeepEqual(n, tree.nodes[1]) {
		t.Errorf("lookup %+v, %v", n, err)
	}
	if _, err := remote.Lookup(ctx, 1, "nothing"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("lookup of what is not there: %v", err)
	}
	if _, err := remote.Node(ctx, 99); !errors.Is(err, view.ErrGone) {
		t.Errorf("node that is gone: %v", err)
	}
	f, _ := remote.Open(ctx, &n)
	defer f.Close()
	whole := make([]byte, len(content))
	for at := 0; at < len(whole); at += 70_000 { // front to back: one request
		if _, err := f.ReadAt(ctx, whole[at:min(at+70_000, len(whole))], int64(at)); err != nil {
			t.Fatal(at, err)
		}
	}
	if !bytes.Equal(whole, content) || tree.opened != 1 {
		t.Errorf("content differs, or was opened %d times", tree.opened)
	}
	part := make([]byte, 1000)
	if _, err := f.ReadAt(ctx, part, 77); err != nil || !bytes.Equal(part, content[77:1077]) {
		t.Errorf("read from the middle: %v", err)
	}
	if n, err := f.ReadAt(ctx, part, int64(len(content))-10); n != 10 || !errors.Is(err, io.EOF) {
		t.Errorf("read over the end: %d, %v", n, err)
	}
}

func TestErrorInTheMiddleOfAContentReachesTheReader(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 3<<20)
	tree := &shownTree{nodes: shownNodes(len(content)), content: content, fails: 2<<20 + 5}
	c := serve(t, &owner{tree: tree})
	remote := c.tree
	defer c.Close()
	f, _ := remote.Open(t.Context(), &tree.nodes[1])
	defer f.Close()
	p := make([]byte, len(content))
	n, err := f.ReadAt(t.Context(), p, 0)
	if n != 2<<20+5 || !errors.Is(err, backup.ErrStale) || errors.Is(err, ErrLost) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

//check:without it takes seconds
func TestEndOfTheOwnerIsToldApartFromAnError(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 64<<20)
	tree := &shownTree{nodes: shownNodes(len(content)), content: content}
	path := t.TempDir() + "/control.sock"
	work, end := context.WithCancel(t.Context())
	s, err := Listen(work, path, New(work, &owner{tree: tree}, "test").ForRoot())
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve()
	c := NewClient(path)
	remote := c.tree
	defer c.Close()
	f, _ := remote.Open(t.Context(), &tree.nodes[1])
	defer f.Close()
	p := make([]byte, 1<<20)
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil {
		t.Fatal(err)
	}
	end()
	s.Close()
	for off := int64(1 << 20); err == nil; off += 1 << 20 {
		if off >= int64(len(content)) {
			t.Fatal("everything was read from an owner that ended")
		}
		_, err = f.ReadAt(t.Context(), p, off)
	}
	if !errors.Is(err, ErrLost) && !errors.Is(err, ErrNoOwner) {
		t.Errorf("the owner ended: %v", err)
	}
	if _, err := remote.Node(t.Context(), 1); !errors.Is(err, ErrNoOwner) && !errors.Is(err, ErrLost) {
		t.Errorf("without an owner: %v", err)
	}
}
