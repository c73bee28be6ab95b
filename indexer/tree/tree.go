// Package tree is the Merkle tree of directories: it encodes nodes, builds them from members in any order,
// and walks them by name and by number. It does not know where nodes are kept.
package tree

import (
	"context"
	"crypto/sha256"
	"iter"

	"slotfs/indexer/backup"
)

// Getter returns the encoding of a node or blob. A missing or damaged one is an error that is never
// fs.ErrNotExist: the store promised to have it.
type Getter interface {
	Get(ctx context.Context, h backup.Hash) ([]byte, error)
}

// Putter stores an encoding under its Sum. Storing what is there already is cheap.
type Putter interface {
	Put(ctx context.Context, h backup.Hash, data []byte) error
}

// Store is what a Builder needs.
type Store interface {
	Getter
	Putter
}

// Sum names data.
func Sum(data []byte) (h backup.Hash) {
	full := sha256.Sum256(data)
	copy(h[:], full[:])
	return h
}

// Item is an entry together with where it stands in its snapshot. It is self-contained: a directory's Item
// is enough to list it.
type Item struct {
	backup.Entry // Offset is absolute here: content of a file, first header of a directory
	// Number counts entries in the tree in pre-order, directories before what is below them, children in
	// listing order (archive order; trees by name). The root is 0.
	Number uint64
}

// Tree reads one snapshot's tree. It is safe for concurrent use.
type Tree struct{}

// New reads the tree below root from store, keeping decoded nodes in cache, which trees may share.
func New(store Getter, root backup.Entry, cache *Cache) *Tree { panic("unwritten") }

// Cache keeps decoded nodes, bounded in bytes.
type Cache struct{}

// NewCache makes a cache of about limit bytes.
func NewCache(limit int64) *Cache { panic("unwritten") }

// Root is entry number 0.
func (t *Tree) Root() Item { panic("unwritten") }

// Item finds an entry by number, in time proportional to its depth. fs.ErrNotExist beyond the last.
func (t *Tree) Item(ctx context.Context, number uint64) (Item, error) { panic("unwritten") }

// Path tells the path of an entry by number ("" for the root).
func (t *Tree) Path(ctx context.Context, number uint64) (string, error) { panic("unwritten") }

// Lookup finds name in dir; fs.ErrNotExist if it has none. It reads at most two pages of a large directory.
func (t *Tree) Lookup(ctx context.Context, dir Item, name string) (Item, error) { panic("unwritten") }

// Resolve finds a path from the root ("" is the root); fs.ErrNotExist where there is none. Links are not followed.
func (t *Tree) Resolve(ctx context.Context, path string) (Item, error) { panic("unwritten") }

// List yields the children of dir in listing order, the first one yielded being child number from (0-based).
// After an error it stops.
func (t *Tree) List(ctx context.Context, dir Item, from int) iter.Seq2[Item, error] {
	panic("unwritten")
}

// Len tells how many children dir has.
func (t *Tree) Len(ctx context.Context, dir Item) (int, error) { panic("unwritten") }

// References yields the hashes that the node or page encoded in data refers to. For sweeping.
func References(data []byte) ([]backup.Hash, error) { panic("unwritten") }

// Dir is a written directory: what its parent's entry needs to know.
type Dir struct {
	Child backup.Hash
	Count uint64 // entries anywhere below
	Dirs  uint32 // child directories
}

// Write stores one directory whose entries are complete (Child, Count and Nlink of child directories filled
// in, Offset relative to the directory) and in listing order, with no name twice.
func Write(ctx context.Context, store Putter, entries []backup.Entry) (Dir, error) {
	panic("unwritten")
}

// Builder makes a tree of members that come in any order, with few directories in memory: directories that
// were left are written and read again when a later member needs them. It is not safe for concurrent use.
type Builder struct{}

// NewBuilder starts from root, which is the zero Entry for a new tree or what Flush returned before.
func NewBuilder(store Store, root backup.Entry) *Builder { panic("unwritten") }

// Add puts e at path ("" changes the root's attributes), making folders that are missing and replacing what was there,
// as tar does when it extracts: the last occurrence wins, a directory keeps its children when a directory
// comes again, and anything else takes their place. at is the absolute position of the member's first header in
// the archive; e.Offset is absolute. A hard link has e.Link set to its normalised target path and needs
// no other attribute; a link whose target is not there (or is a directory) is not added, and the result is false.
func (b *Builder) Add(ctx context.Context, path string, e backup.Entry, at int64) (bool, error) {
	panic("unwritten")
}

// Flush writes everything that is open and returns the root as it stands. Adding may go on, in this
// Builder or in a new one that starts from that root.
func (b *Builder) Flush(ctx context.Context) (backup.Entry, error) { panic("unwritten") }

// Finish is Flush with link counts of hard-linked files settled on all their names. The Builder is
// done with then.
func (b *Builder) Finish(ctx context.Context) (backup.Entry, error) { panic("unwritten") }
