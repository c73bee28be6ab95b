package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"slotfs/indexer/backup"
)

// source names a backup: the destination and backup.Source.Key.
type source struct{ destination, key string }

func (s source) compare(t source) int {
	if c := strings.Compare(s.destination, t.destination); c != 0 {
		return c
	}
	return strings.Compare(s.key, t.key)
}

// catalog is a copy in memory of all snapshot records and of the heads of unfinished passes: listings ask for
// them all the time.
type catalog struct {
	mu sync.RWMutex
	// mu guards what follows. Records are never changed, only replaced.
	snapshots  map[source]*backup.Snapshot
	unfinished map[source]head
	sorted     []*backup.Snapshot // made when asked for
	generation uint64             // counts changes
}

// head is what sweeping needs of an unfinished pass.
type head struct {
	serial uint64
	roots  roots
}

// roots are the nodes and blobs that a record refers to. Only nodes refer to others.
type roots struct {
	nodes []backup.Hash
	blobs []backup.Hash
}

func headOf(u *backup.Unfinished) head {
	h := head{serial: u.Serial, roots: roots{nodes: []backup.Hash{u.Root.Child}}}
	h.roots.blobs = slices.Collect(maps.Values(u.Kept))
	return h
}

// loadCatalog reads the whole catalog. Badger ends an iteration at a table that it cannot read, so the number
// of records is compared with the counts.
func (x *Index) loadCatalog() error {
	c := &x.catalog
	c.snapshots, c.unfinished = map[source]*backup.Snapshot{}, map[source]head{}
	err := x.eachRecord(snapshotSpace, func(s source, data []byte) error {
		record := new(backup.Snapshot)
		if err := decodeRecord(data, record); err != nil || len(record.Files) == 0 {
			return damaged("snapshot %s/%s: %w", s.destination, s.key, errRecord)
		}
		c.snapshots[s] = record
		return nil
	})
	if err != nil {
		return err
	}
	err = x.eachRecord(unfinishedSpace, func(s source, data []byte) error {
		record := new(backup.Unfinished)
		if err := decodeRecord(data, record); err != nil {
			return damaged("unfinished pass over %s/%s: %w", s.destination, s.key, err)
		}
		c.unfinished[s] = headOf(record)
		return nil
	})
	if err != nil {
		return err
	}
	return x.checkTally()
}

func (x *Index) eachRecord(space byte, fn func(s source, data []byte) error) error {
	return x.view(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.IteratorOptions{Prefix: []byte{space}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			s, ok := sourceOf(it.Item().Key())
			if !ok {
				return damaged("key %x", it.Item().Key())
			}
			data, err := x.valueOf(it.Item())
			if err != nil {
				return err
			}
			if err := fn(s, data); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *Index) checkTally() error {
	want := counts(0, 0)
	if stored, err := x.read(countsKey()); err == nil {
		want = stored
	} else if !errors.Is(err, errNoKey) {
		return err
	}
	if string(want) != string(counts(len(x.catalog.snapshots), len(x.catalog.unfinished))) {
		return damaged("catalog of %d snapshots and %d unfinished passes is not whole",
			len(x.catalog.snapshots), len(x.catalog.unfinished))
	}
	return nil
}

func counts(snapshots, unfinished int) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(snapshots)), uint64(unfinished))
}

// Snapshot returns one record; fs.ErrNotExist where there is none.
func (x *Index) Snapshot(ctx context.Context, destination, key string) (*backup.Snapshot, error) {
	if err := x.use(ctx); err != nil {
		return nil, err
	}
	defer x.closeMu.RUnlock()
	if s := x.catalog.snapshot(source{destination, key}); s != nil {
		return clone(s), nil
	}
	return nil, fmt.Errorf("snapshot %s/%s: %w", destination, key, fs.ErrNotExist)
}

// Snapshots returns the records of a destination, or of all for "", sorted by destination and key.
func (x *Index) Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error) {
	if err := x.use(ctx); err != nil {
		return nil, err
	}
	defer x.closeMu.RUnlock()
	var found []*backup.Snapshot
	for _, s := range x.catalog.all() {
		if destination == "" || s.Destination == destination {
			found = append(found, clone(s))
		}
	}
	return found, nil
}

// Catalog is the index for those who only look.
type Catalog struct{ *Index }

// Snapshots is that of the index, without a copy for each who looks: the records must not be changed.
func (c Catalog) Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error) {
	if err := c.use(ctx); err != nil {
		return nil, err
	}
	defer c.closeMu.RUnlock()
	all := slices.Clone(c.catalog.all())
	if destination == "" {
		return all, nil
	}
	return slices.DeleteFunc(all, func(s *backup.Snapshot) bool { return s.Destination != destination }), nil
}

// clone keeps callers from changing records that others see.
func clone(s *backup.Snapshot) *backup.Snapshot {
	c := *s
	c.Files = slices.Clone(s.Files)
	c.Counts = maps.Clone(s.Counts)
	c.Notes = slices.Clone(s.Notes)
	c.Root.Xattrs = slices.Clone(s.Root.Xattrs)
	c.Root.Sparse = slices.Clone(s.Root.Sparse)
	if s.Owner != nil {
		owner := *s.Owner
		c.Owner = &owner
	}
	return &c
}

func (c *catalog) snapshot(s source) *backup.Snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.snapshots[s]
}

// all returns the records in order. The slice must not be changed.
func (c *catalog) all() []*backup.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sorted == nil {
		keys := slices.SortedFunc(maps.Keys(c.snapshots), source.compare)
		c.sorted = make([]*backup.Snapshot, 0, len(keys))
		for _, k := range keys {
			c.sorted = append(c.sorted, c.snapshots[k])
		}
	}
	return c.sorted
}

// holds reports whether a snapshot or an unfinished pass has the serial.
func (c *catalog) holds(serial uint64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, s := range c.snapshots {
		if s.Serial == serial {
			return true
		}
	}
	for _, u := range c.unfinished {
		if u.serial == serial {
			return true
		}
	}
	return false
}

// roots returns what all records refer to, and the generation of the catalog that this is true of.
func (c *catalog) roots() (all roots, generation uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, s := range c.snapshots {
		all.nodes = append(all.nodes, s.Root.Child)
		all.blobs = append(all.blobs, s.Parts)
	}
	for _, u := range c.unfinished {
		all.nodes = append(all.nodes, u.roots.nodes...)
		all.blobs = append(all.blobs, u.roots.blobs...)
	}
	return all, c.generation
}
