package browse

import (
	"context"
	"errors"
	iofs "io/fs"
	"path"
	"syscall"

	"slotfs/fs"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/sqldump"
)

// Restricted is what of a tree a user may read, by the modes of what is on the way, as the kernel decides it for a mount. It holds
// for paths that begin at the top: a node's id alone says nothing of the directories that it lies in.
type Restricted struct {
	Paged
	UID, GID uint32
}

var (
	_ Paged  = (*Restricted)(nil)
	_ Tabled = (*Restricted)(nil)
)

// may reports whether all of the bits (4: read, 1: pass) are granted.
func (r *Restricted) may(a view.Attr, bits uint32) bool {
	granted := a.Mode
	switch {
	case a.UID == r.UID:
		granted >>= 6
	case a.GID == r.GID:
		granted >>= 3
	}
	return granted&bits == bits
}

// Enters reports whether the names in a directory may be told, and what they lead to, for Search.
func (r *Restricted) Enters(n *view.Node) bool { return r.may(n.Attr, 4|1) }

// Reads reports whether the content of a file may be read, or the names in a directory and what they lead to.
func (r *Restricted) Reads(n *Node) bool {
	switch n.Attr.Mode & backup.ModeType {
	case backup.ModeDir:
		return r.may(n.Attr, 4|1)
	case backup.ModeRegular:
		return r.may(n.Attr, 4)
	}
	return true
}

// Lookup implements Looker.
func (r *Restricted) Lookup(ctx context.Context, dir uint64, name string) (Node, error) {
	at, err := r.Paged.Node(ctx, dir)
	if err != nil {
		return Node{}, err
	}
	if !r.may(at.Attr, 1) {
		return Node{}, syscall.EACCES
	}
	return r.Paged.Lookup(ctx, dir, name)
}

// List implements Tree.
func (r *Restricted) List(ctx context.Context, dir uint64, yield func(*Node) error) error {
	return r.ListFrom(ctx, dir, 0, yield)
}

// ListFrom implements Paged.
func (r *Restricted) ListFrom(ctx context.Context, dir uint64, from int, yield func(*Node) error) error {
	at, err := r.Paged.Node(ctx, dir)
	if err != nil {
		return err
	}
	if !r.may(at.Attr, 4) {
		return syscall.EACCES
	}
	return r.Paged.ListFrom(ctx, dir, from, yield)
}

// Open implements Tree.
func (r *Restricted) Open(ctx context.Context, n *Node) (fs.File, error) {
	at, err := r.file(ctx, n)
	if err != nil {
		return nil, err
	}
	return r.Paged.Open(ctx, &at)
}

// file is a file that may be read.
func (r *Restricted) file(ctx context.Context, n *Node) (Node, error) {
	at, err := r.Paged.Node(ctx, n.ID)
	if err == nil && (at.Attr.Mode&backup.ModeType != backup.ModeRegular || !r.may(at.Attr, 4)) {
		err = syscall.EACCES
	}
	return at, err
}

// Tables implements Tabled.
func (r *Restricted) Tables(ctx context.Context, n *Node) (*sqldump.Contents, error) {
	at, err := r.file(ctx, n)
	if err != nil {
		return nil, err
	}
	return KnownTables(ctx, r.Paged, &at)
}

// filter leaves out of a comparison what a tree does not show. Nil: it shows everything.
type filter struct {
	tree  *Restricted
	sides []string
	known map[string]bool // directories, by their path below the sides
}

func filterFor(t Tree, q Pair) *filter {
	r, ok := t.(*Restricted)
	if !ok {
		return nil
	}
	return &filter{tree: r, sides: []string{string(q.Old), string(q.New)}, known: map[string]bool{}}
}

// shows reports whether the name at a path may be told: one of the two sides lists its directory.
func (f *filter) shows(ctx context.Context, p string) (bool, error) {
	if f == nil || p == "" {
		return true, nil
	}
	dir := path.Dir(p)
	if shown, ok := f.known[dir]; ok {
		return shown, nil
	}
	for _, side := range f.sides {
		n, err := Resolve(ctx, f.tree, path.Join(side, dir))
		if err == nil && n.IsDir() && f.tree.may(n.Attr, 4|1) {
			f.known[dir] = true
			return true, nil
		}
		if err != nil && !Missing(err) && !errors.Is(err, iofs.ErrPermission) {
			return false, err
		}
	}
	f.known[dir] = false
	return false, nil
}
