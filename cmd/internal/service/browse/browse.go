// Package browse knows how commands look at what a mount shows: by node, in the process that owns the index or over its
// control socket. It must not know whether anything is mounted, nor where backups are kept.
package browse

import (
	"context"
	"errors"
	"path"
	"strings"
	"syscall"

	"slotfs/fs"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// Node is one thing that is shown.
type Node struct {
	ID      uint64
	Name    string // in its directory
	Attr    view.Attr
	Target  string // of a symbolic link
	Xattrs  []backup.Xattr
	Extents []backup.Extent // data of a sparse file, ascending; nil: everything is data
	// Snapshot is what it belongs to; nil above the snapshots. List leaves it out of all but the snapshots themselves.
	Snapshot *Snapshot
	// Recorded is what the backup says of its owner; nil: it is not from a backup.
	Recorded *Recorded
	// Next is the position after it in a listing.
	Next int
}

// Recorded is an owner and a mode as they are in a backup.
type Recorded struct {
	Mode uint32 `json:"mode"`
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
}

// Snapshot is what commands need to know of a snapshot.
type Snapshot struct {
	Serial uint64        `json:"serial,string"` // never reused in the life of an index
	Kind   backup.Kind   `json:"kind"`
	Status backup.Status `json:"status"`
	Detail string        `json:"detail,omitempty"`
	// Who its entries belong to where it was made.
	Account string        `json:"account"`
	Owner   *backup.Owner `json:"owner,omitempty"`
	Names   backup.Names  `json:"names"`
}

// IsDir reports whether n is a directory.
func (n *Node) IsDir() bool { return n.Attr.Mode&backup.ModeType == backup.ModeDir }

// IsLink reports whether n is a symbolic link.
func (n *Node) IsLink() bool { return n.Attr.Mode&backup.ModeType == backup.ModeSymlink }

// Looker looks nodes up. What is not there is fs.ErrNotExist of package io/fs.
type Looker interface {
	// Node tells about a node by its id.
	Node(ctx context.Context, id uint64) (Node, error)
	// Lookup finds a name in a directory.
	Lookup(ctx context.Context, dir uint64, name string) (Node, error)
}

// Tree is all that is shown. Its methods may be called side by side.
type Tree interface {
	Looker
	// List hands what is in a directory to yield in the order of the mount. The Node is valid until yield returns, whose
	// error ends it.
	List(ctx context.Context, dir uint64, yield func(*Node) error) error
	// Open opens a regular file.
	Open(ctx context.Context, n *Node) (fs.File, error)
}

// Paged is a Tree whose directories can be read from any position on.
type Paged interface {
	Tree
	// ListFrom is List from a position on: 0, or what Node.Next told.
	ListFrom(ctx context.Context, dir uint64, from int, yield func(*Node) error) error
}

// maxLinks is how many links are followed on the way to one path, as in the kernel.
const maxLinks = 40

// ErrOutside says that a link leads out of what is shown: archives come from strangers.
var ErrOutside = errors.New("the link leads outside")

// Walk tells what lies on a path, from the top on, the links on it followed and, with last, that at its end too.
func Walk(ctx context.Context, t Looker, p string, last bool) ([]Node, error) {
	root, err := t.Node(ctx, view.RootID)
	if err != nil {
		return nil, err
	}
	way := []Node{root} // the directories on the way, the last one being where we are
	rest := strings.Split(p, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		here := way[len(way)-1]
		switch name {
		case "", ".":
			continue
		case "..":
			if len(way) == 1 {
				return nil, ErrOutside
			}
			way = way[:len(way)-1]
			continue
		}
		if !here.IsDir() {
			return nil, syscall.ENOTDIR
		}
		n, err := t.Lookup(ctx, here.ID, name)
		if err != nil {
			return nil, err
		}
		if !n.IsLink() || len(rest) == 0 && !last {
			way = append(way, n)
			continue
		}
		links++
		if links > maxLinks {
			return nil, syscall.ELOOP
		}
		if strings.HasPrefix(n.Target, "/") {
			return nil, ErrOutside
		}
		rest = append(strings.Split(n.Target, "/"), rest...)
	}
	return way, nil
}

// Resolve tells what is at a path, links followed.
func Resolve(ctx context.Context, t Looker, p string) (Node, error) {
	way, err := Walk(ctx, t, p, true)
	if err != nil {
		return Node{}, err
	}
	return way[len(way)-1], nil
}

// Path is where a way leads, from the top.
func Path(way []Node) string {
	var names []string
	for i := range way[1:] {
		names = append(names, way[i+1].Name)
	}
	return path.Join(names...)
}
