package plan

import (
	"hash/maphash"

	"slotfs/indexer/manifest"
)

// Clashes finds names that a server takes for one.
type Clashes struct {
	seed maphash.Seed
	seen map[uint64]uint64 // by what names of a directory have in common: the first such name
	both map[uint64]bool   // what several have in common
}

// NewClashes knows of none yet.
func NewClashes() *Clashes {
	return &Clashes{seed: maphash.MakeSeed(), seen: make(map[uint64]uint64), both: make(map[uint64]bool)}
}

// Add enters a path, and reports whether another name of its directory is taken for the same. A nil one knows of none.
func (c *Clashes) Add(path string) bool {
	if c == nil || path == "" {
		return false
	}
	name := manifest.Base(path)
	common := maphash.String(c.seed, path[:len(path)-len(name)]+manifest.Fold(name))
	own := maphash.String(c.seed, name)
	if first, ok := c.seen[common]; !ok {
		c.seen[common] = own
	} else if first != own {
		c.both[common] = true
	}
	return c.both[common]
}
