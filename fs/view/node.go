package view

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// Source says where the content of a regular file comes from.
type Source int

// The sources.
const (
	FromTree     Source = iota // Item of Tree in Snapshot
	FromOriginal               // remote file number Piece of Snapshot
	FromData                   // Data, which never changes
	FromVolatile               // Data, as it was at the moment of asking
)

// Node is one thing that the mount shows.
type Node struct {
	ID     uint64
	Gen    uint64
	Name   string // in its directory
	Attr   Attr
	Next   int    // in a listing: the position after this one
	Target string // of a symbolic link
	Xattrs []backup.Xattr

	Source   Source
	Snapshot *backup.Snapshot // nil above the snapshots' directories
	Tree     *tree.Tree       // of an entry of a tree
	Item     tree.Item
	Piece    int
	Data     []byte
}

// IsDir reports whether n is a directory.
func (n *Node) IsDir() bool { return n.Attr.Mode&backup.ModeType == backup.ModeDir }

// topNode makes the Node of what stands above the snapshots' directories, and of those.
func (v *View) topNode(e *entry) Node {
	n := Node{ID: e.id, Name: e.name, Attr: e.attr, Target: e.target}
	if e.attr.Mode&backup.ModeType == backup.ModeDir {
		n.Attr.Size = dirSize
	}
	if e.snapshot != nil {
		n.Snapshot, n.Gen = e.snapshot.Snapshot, e.snapshot.gen
	}
	if e.file != "" {
		n.Source, n.Data = FromVolatile, v.moment(e.file)
		n.Attr.Size, n.Attr.MTime = int64(len(n.Data)), backup.TimeOf(v.o.Now())
	}
	n.Attr.Ino = e.id
	return n
}

// moment makes the content of a file of .slotfs.
func (v *View) moment(name string) []byte {
	if name == nameErrors {
		return v.errors.text()
	}
	return v.statusJSON()
}

// node finds a node of the snapshot by its id.
func (b *snapshotView) node(ctx context.Context, id uint64) (Node, error) {
	_, view, number := split(id)
	if view == viewMade {
		s, ok := b.made[number]
		if !ok {
			return Node{}, ErrGone
		}
		return b.shownNode(ctx, s)
	}
	r := b.mappingAt(view, number)
	if r == nil {
		return Node{}, ErrGone
	}
	if number == r.first {
		return b.shownNode(ctx, r.shown)
	}
	it, err := b.tree.Item(ctx, number)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return Node{}, ErrGone
	case err != nil:
		return Node{}, fmt.Errorf("entry %d: %w", number, err)
	case hidden(&it.Entry):
		return Node{}, ErrGone
	}
	return b.seen(ctx, r, &it)
}

// seen is fill for a Node of its own.
func (b *snapshotView) seen(ctx context.Context, r *mapping, it *tree.Item) (Node, error) {
	var n Node
	err := b.fill(ctx, &n, r, it)
	return n, err
}

// lookup finds a name in a directory of the snapshot.
func (b *snapshotView) lookup(ctx context.Context, dir uint64, name string) (Node, error) {
	n, err := b.node(ctx, dir)
	if err != nil {
		return Node{}, err
	}
	_, view, number := split(dir)
	if view == viewMade {
		s := b.made[number]
		child, ok := s.names[name]
		if !ok {
			return Node{}, iofs.ErrNotExist
		}
		return b.shownNode(ctx, child)
	}
	if !showable(name) || !n.IsDir() {
		return Node{}, iofs.ErrNotExist
	}
	it, err := b.tree.Lookup(ctx, n.Item, name)
	if err != nil {
		return Node{}, err
	}
	if hidden(&it.Entry) || it.Number > maxNumber {
		return Node{}, iofs.ErrNotExist
	}
	return b.seen(ctx, b.mappingAt(view, number), &it)
}

// list yields a directory of the snapshot.
func (b *snapshotView) list(ctx context.Context, dir *Node, from int) iter.Seq2[*Node, error] {
	_, view, number := split(dir.ID)
	if view == viewMade {
		return b.listMade(ctx, number, from)
	}
	r := b.mappingAt(view, number)
	return func(yield func(*Node, error) bool) {
		if r == nil {
			yield(nil, ErrGone)
			return
		}
		at := from
		var n Node
		for it, err := range b.tree.List(ctx, dir.Item, from) {
			if err != nil {
				yield(nil, err)
				return
			}
			at++
			if hidden(&it.Entry) || it.Number > maxNumber {
				continue
			}
			if err := b.fill(ctx, &n, r, &it); err != nil {
				yield(nil, err)
				return
			}
			n.Next = at
			if !yield(&n, nil) {
				return
			}
		}
	}
}

func (b *snapshotView) listMade(ctx context.Context, number uint64, from int) iter.Seq2[*Node, error] {
	return func(yield func(*Node, error) bool) {
		s, ok := b.made[number]
		if !ok {
			yield(nil, ErrGone)
			return
		}
		for i := max(from, 0); i < len(s.children); i++ {
			n, err := b.shownNode(ctx, s.children[i])
			if err != nil {
				yield(nil, err)
				return
			}
			n.Next = i + 1
			if !yield(&n, nil) {
				return
			}
		}
	}
}

// fill makes n the node of an entry that is seen through region r.
func (b *snapshotView) fill(ctx context.Context, n *Node, r *mapping, it *tree.Item) error {
	id := nodeID(b.rec.Serial, r.view, it.Number)
	secret, elsewhere, first := r.secret, false, it.Number
	*n = Node{ID: id, Gen: b.rec.gen, Name: it.Name, Target: it.Target, Snapshot: b.rec.Snapshot, Tree: b.tree, Item: *it}
	n.Attr = rawAttr(&it.Entry)
	n.Attr.Ino = id
	if it.Link != "" {
		var err error
		if first, err = b.first(ctx, it); err != nil {
			return err
		}
		n.Attr.Ino = nodeID(b.rec.Serial, r.view, first)
		elsewhere = !r.holds(first)
		secret = secret || b.leaks(r, first)
	}
	switch {
	case secret:
		n.Attr = secretAttr(n.Attr)
	case r.raw:
	case r.part && !elsewhere:
		n.Attr = b.rec.readable(n.Attr)
	default:
		n.Attr = b.rec.owned(n.Attr, r.home)
	}
	n.Attr = b.restricted(n.Attr, r.kind, it.Number, first)
	n.Xattrs = shownXattrs(it.Xattrs, secret)
	if it.Number == r.first {
		b.top(n, r)
	}
	return nil
}

// first finds the number of the first name of a hard-linked file. A link that leads to something else is a file
// of its own.
func (b *snapshotView) first(ctx context.Context, it *tree.Item) (uint64, error) {
	target, err := b.tree.Resolve(ctx, it.Link)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return it.Number, nil
	case err != nil:
		return 0, fmt.Errorf("link to %q: %w", it.Link, err)
	case target.IsDir() || target.Mode&backup.ModeType != it.Mode&backup.ModeType || target.Size != it.Size || target.Number > maxNumber:
		return it.Number, nil
	}
	return target.Number, nil
}

// leaks reports whether a hard link in region r shows something that is not for those who may see r: a secret, or
// from the home directory what lies outside of it.
func (b *snapshotView) leaks(r *mapping, first uint64) bool {
	if r.raw || r.holds(first) {
		return false
	}
	return b.isSecret(first) || r.home && !b.inHome(first)
}

// top corrects the node of a region's own top.
func (b *snapshotView) top(n *Node, r *mapping) {
	n.Name = r.shown.name
	if n.IsDir() {
		n.Attr.Nlink = max(n.Attr.Nlink-min(n.Attr.Nlink, r.unseen), 2)
	}
	if r.view == viewFull && b.rec.local.OK && !b.open {
		// It holds the password hashes and keys, which are not the customer's to read.
		n.Attr.UID, n.Attr.GID, n.Attr.Mode = 0, 0, backup.ModeDir|0o700
	}
}
