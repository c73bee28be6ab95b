package api

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/indexer/lru"
)

const (
	// maxSorted is how many entries are sorted; directories that have more are listed as they are.
	maxSorted = 1_000_000
	// keptPositions bounds the orders that are kept for the next pages.
	keptPositions = 2_000_000
)

// orders keeps in which order the entries of directories come.
type orders struct {
	mu sync.Mutex
	// mu guards what follows.
	kept lru.Map[orderKey, []int]
}

// orderKey is what an order is of. A directory of a snapshot never changes.
type orderKey struct {
	dir   uint64
	sort  string
	desc  bool
	match string
}

func newOrders() *orders { return &orders{} }

// entryKey is what an entry is sorted by.
type entryKey struct {
	position int
	dir      bool
	name     string
	number   int64
	nsec     int32
}

// page adds the entries of a page of a sorted or filtered listing.
func (o *orders) page(c *Call, t browse.Paged, dir *browse.Node, p listParams, out *Page) error {
	positions, err := o.positions(c, t, dir, p)
	if err != nil {
		return err
	}
	total := len(positions)
	out.Total = &total
	positions, out.Next = cut(positions, p.From, p.Limit)
	for _, at := range positions {
		err := t.ListFrom(c.Context, dir.ID, at, func(n *browse.Node) error {
			out.Entries = append(out.Entries, nodeOf(n))
			return errEnough
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	return nil
}

// positions are those of the entries of a directory, in order.
func (o *orders) positions(c *Call, t browse.Paged, dir *browse.Node, p listParams) ([]int, error) {
	key := orderKey{dir.ID, p.Sort, p.Desc, strings.ToLower(p.Match)}
	o.mu.Lock()
	kept, ok := o.kept.Get(key)
	o.mu.Unlock()
	if ok {
		return kept, nil
	}
	compare, err := comparison(p.Sort)
	if err != nil {
		return nil, err
	}
	keys, err := entryKeys(c.Context, t, dir.ID, p.Sort, key.match)
	if err != nil {
		return nil, err
	}
	if compare != nil {
		slices.SortStableFunc(keys, compare)
	}
	if p.Desc {
		slices.Reverse(keys)
	}
	positions := make([]int, len(keys))
	for i := range keys {
		positions[i] = keys[i].position
	}
	if dir.Snapshot != nil { // what stands above the snapshots changes
		o.mu.Lock()
		defer o.mu.Unlock()
		o.kept.Put(key, positions, int64(len(positions))+1)
		o.kept.Shrink(keptPositions, nil)
	}
	return positions, nil
}

// entryKeys reads a directory.
func entryKeys(ctx context.Context, t browse.Paged, dir uint64, by, match string) ([]entryKey, error) {
	var keys []entryKey
	at := 0
	err := t.ListFrom(ctx, dir, 0, func(n *browse.Node) error {
		position := at
		at = n.Next
		if match != "" && !strings.Contains(strings.ToLower(n.Name), match) {
			return nil
		}
		if len(keys) == maxSorted {
			return exit.Usagef("the directory has more than %d entries: it cannot be sorted", maxSorted)
		}
		keys = append(keys, entryKey{position: position, dir: n.IsDir(), name: n.Name, number: n.Attr.Size, nsec: n.Attr.MTime.Nsec})
		if by == "mtime" {
			keys[len(keys)-1].number = n.Attr.MTime.Sec
		}
		return nil
	})
	return keys, err
}

// comparison is how entries are compared; nil: they stay as they come.
func comparison(by string) (func(a, b entryKey) int, error) {
	directories := func(a, b entryKey) int {
		switch {
		case a.dir == b.dir:
			return 0
		case a.dir:
			return -1
		}
		return 1
	}
	names := func(a, b entryKey) int { return strings.Compare(a.name, b.name) }
	switch by {
	case "":
		return nil, nil
	case "name":
		return func(a, b entryKey) int { return cmp.Or(directories(a, b), names(a, b)) }, nil
	case "size":
		return func(a, b entryKey) int {
			return cmp.Or(directories(a, b), cmp.Compare(a.number, b.number), names(a, b))
		}, nil
	case "mtime":
		return func(a, b entryKey) int {
			return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.nsec, b.nsec), names(a, b))
		}, nil
	case "type":
		return func(a, b entryKey) int {
			return cmp.Or(directories(a, b), strings.Compare(extension(a.name), extension(b.name)), names(a, b))
		}, nil
	}
	return nil, exit.Usagef("sort %q: want name, size, mtime or type", by)
}

// extension is what stands behind the last dot of a name.
func extension(name string) string {
	if at := strings.LastIndexByte(name, '.'); at > 0 {
		return strings.ToLower(name[at:])
	}
	return ""
}
