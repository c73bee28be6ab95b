package browse

import (
	"context"
	"syscall"

	"slotfs/fs"
	"slotfs/indexer/backup"
)

// Restricted is what of a tree a user may read, by the modes of what is on the way, as the kernel decides it for a mount. It holds
// for paths that begin at the top: a node's id alone says nothing of the directories that it lies in.
type Restricted struct {
	Tree
	UID, GID uint32
}

var _ Tree = (*Restricted)(nil)

// may reports whether all of the bits (4: read, 1: pass) are granted.
func (r *Restricted) may(n *Node, bits uint32) bool {
	granted := n.Attr.Mode
	switch {
	case n.Attr.UID == r.UID:
		granted >>= 6
	case n.Attr.GID == r.GID:
		granted >>= 3
	}
	return granted&bits == bits
}

// Lookup implements Looker.
func (r *Restricted) Lookup(ctx context.Context, dir uint64, name string) (Node, error) {
	at, err := r.Tree.Node(ctx, dir)
	if err != nil {
		return Node{}, err
	}
	if !r.may(&at, 1) {
		return Node{}, syscall.EACCES
	}
	return r.Tree.Lookup(ctx, dir, name)
}

// List implements Tree.
func (r *Restricted) List(ctx context.Context, dir uint64, yield func(*Node) error) error {
	at, err := r.Tree.Node(ctx, dir)
	if err != nil {
		return err
	}
	if !r.may(&at, 4) {
		return syscall.EACCES
	}
	return r.Tree.List(ctx, dir, yield)
}

// Open implements Tree.
func (r *Restricted) Open(ctx context.Context, n *Node) (fs.File, error) {
	at, err := r.Tree.Node(ctx, n.ID)
	if err != nil {
		return nil, err
	}
	if at.Attr.Mode&backup.ModeType != backup.ModeRegular || !r.may(&at, 4) {
		return nil, syscall.EACCES
	}
	return r.Tree.Open(ctx, &at)
}
