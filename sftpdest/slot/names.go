package slot

import (
	"context"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"strings"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// longNames tells what escaped names stand for that do not say so themselves.
type longNames map[string]string

// add enters the name of an entry.
func (l longNames) add(path, stored string) {
	if _, ok := manifest.Unescape(stored); stored != "" && !ok {
		l[stored] = baseName(path)
	}
}

// addAll enters those of a manifest.
func (l longNames) addAll(spool *os.File) error {
	known, err := openEntries(spool)
	if err != nil {
		return err
	}
	defer known.close()
	for ; known.head != nil; known.advance() {
		l.add(known.head.Path, known.head.Stored)
	}
	return known.err
}

// unescape sorts a listing by the names that are meant. An escaped name stands for itself where that is there too.
func (f *listed) unescape(long longNames) {
	type named struct {
		info dest.Info
		mean string
	}
	there := make(map[string]bool)
	var all []named
	for _, info := range f.names {
		mean, ok := manifest.Unescape(info.Name)
		if !ok {
			mean, ok = long[info.Name]
		}
		if !ok {
			mean = info.Name
			there[mean] = true
		}
		all = append(all, named{info, mean})
	}
	if len(there) == len(all) {
		return
	}
	for i := range all {
		if n := &all[i]; n.mean != n.info.Name && there[n.mean] {
			n.mean = n.info.Name
		}
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.mean, b.mean) })
	f.means = make([]string, len(all))
	for i := range all {
		f.names[i], f.means[i] = all[i].info, all[i].mean
	}
}

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
	for p, err := range walkStored(ctx, j.Store, j.slot+"/data", j.long) {
		if err != nil {
			return err
		}
		if baseName(p.at) == baseName(p.path) {
			j.plan.clashes.add(p.path)
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
	name := baseName(path)
	common := maphash.String(c.seed, path[:len(path)-len(name)]+manifest.Fold(name))
	own := maphash.String(c.seed, name)
	if first, ok := c.seen[common]; !ok {
		c.seen[common] = own
	} else if first != own {
		c.both[common] = true
	}
	return c.both[common]
}
