// Package tree is the Merkle tree of directories: it encodes nodes, builds them from members in any order,
// and walks them by name and by number. It does not know where nodes are kept.
package tree

import (
	"context"
	"crypto/sha256"
	"fmt"

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

// Dir is a written directory: what its parent's entry needs to know.
type Dir struct {
	Child backup.Hash
	Count uint64 // entries anywhere below
	Dirs  uint32 // child directories
}

// Write stores one directory whose entries are complete (Child, Count and Nlink of child directories filled
// in, Offset relative to the directory) and in listing order, with no name twice.
func Write(ctx context.Context, store Putter, entries []backup.Entry) (Dir, error) {
	recs := make([]record, len(entries))
	seen := newNameTable()
	for i := range entries {
		r, err := newRecord(&entries[i])
		if err == nil {
			err = checkName(r.name)
		}
		if err != nil {
			return Dir{}, fmt.Errorf("write node: entry %q: %w", entries[i].Name, err)
		}
		if seen.find(recs[:i], r.name) >= 0 {
			return Dir{}, fmt.Errorf("write node: entry %q twice", r.name)
		}
		recs[i] = r
		seen.add(recs[:i+1])
	}
	w, err := writeDir(ctx, store, recs, 0)
	return w.Dir, err
}
