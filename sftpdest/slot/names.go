package slot

import (
	"context"
	"fmt"
	"hash/maphash"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/store"
)

// traits learns what the server does to names: from the newest slot that tells it, else by trying.
func (j *job) traits(ctx context.Context) (err error) {
	if j.o.Mode == manifest.Compressed {
		return nil // names in an archive are safe
	}
	for i := range j.slots {
		if known := j.slots[i].State.Traits; len(known) > 0 && j.plan.traits == nil {
			j.plan.traits = known
		}
	}
	if j.plan.traits == nil && j.o.Traits != nil && !j.o.DryRun {
		if j.plan.traits, err = j.o.Traits(ctx); err != nil {
			return fmt.Errorf("try names on the server: %w", err)
		}
	}
	if j.plan.traits.Has(manifest.FoldsCase) {
		j.plan.clashes = newClashes()
	}
	return nil
}

// foresee finds the names in the slot that clash with others, where only a listing tells them.
func (j *job) foresee(ctx context.Context) error {
	if j.plan.clashes == nil || !j.plan.listed {
		return nil
	}
	for p, err := range store.Walk(ctx, j, j.slot+"/data", j.long) {
		if err != nil {
			return err
		}
		if manifest.Base(p.At) == manifest.Base(p.Path) {
			j.plan.clashes.add(p.Path)
		}
	}
	return nil
}

// clashes finds names that a server takes for one.
type clashes struct {
	seed maphash.Seed
	seen map[uint64]uint64 // by what names of a directory have in common: the first such name
	both map[uint64]bool   // what several have in common
}

func newClashes() *clashes {
	return &clashes{seed: maphash.MakeSeed(), seen: make(map[uint64]uint64), both: make(map[uint64]bool)}
}

// add enters a path, and reports whether another name of its directory is taken for the same. A nil one knows of none.
func (c *clashes) add(path string) bool {
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
