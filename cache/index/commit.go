package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"slotfs/indexer/backup"
)

// PutSnapshot makes a snapshot visible, whole, replacing the one with the same destination and Key. Everything put
// before is durable then. The seek points of a replaced snapshot with another serial are removed, and so is the unfinished
// state of the source.
func (x *Index) PutSnapshot(ctx context.Context, s *backup.Snapshot) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	src := source{s.Destination, s.Key()}
	record := clone(s)
	if err := x.change(src, roomToPut, &entry{snapshot: record}); err != nil {
		return fmt.Errorf("put snapshot %s/%s: %w", src.destination, src.key, err)
	}
	x.unreferenced.end(s.Serial)
	return nil
}

// Unsettle has the next pass read a snapshot again: its source is not what s was read from any more. It reports whether that
// is news; nothing happens where the record is another one by now.
func (x *Index) Unsettle(ctx context.Context, s *backup.Snapshot) (bool, error) {
	if err := x.use(ctx); err != nil {
		return false, err
	}
	defer x.closeMu.RUnlock()
	src := source{s.Destination, s.Key()}
	known := x.catalog.snapshot(src)
	if known == nil || known.Serial != s.Serial || !known.Stable {
		return false, nil
	}
	record := clone(known)
	record.Stable = false
	err := x.change(src, roomToPut, &entry{snapshot: record, instead: known, keepState: true})
	if errors.Is(err, errReplaced) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("unsettle snapshot %s/%s: %w", src.destination, src.key, err)
	}
	return true, nil
}

// PutVerification keeps what was found of a snapshot when it was read again. It reports whether the index still has that snapshot.
func (x *Index) PutVerification(ctx context.Context, s *backup.Snapshot, v backup.Verification) (bool, error) {
	if err := x.use(ctx); err != nil {
		return false, err
	}
	defer x.closeMu.RUnlock()
	src := source{s.Destination, s.Key()}
	for {
		known := x.catalog.snapshot(src)
		if known == nil || known.Serial != s.Serial {
			return false, nil
		}
		record := clone(known)
		record.Verified = v
		err := x.change(src, roomToPut, &entry{snapshot: record, instead: known, keepState: true})
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, errReplaced) {
			return false, fmt.Errorf("put verification of %s/%s: %w", src.destination, src.key, err)
		}
	}
}

// DeleteSnapshot removes a snapshot and its seek points. That there is none is no error.
func (x *Index) DeleteSnapshot(ctx context.Context, destination, key string) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	src := source{destination, key}
	if x.catalog.snapshot(src) == nil {
		return nil
	}
	if err := x.change(src, roomToDelete, &entry{deleteSnapshot: true, keepState: true}); err != nil {
		return fmt.Errorf("delete snapshot %s/%s: %w", destination, key, err)
	}
	return nil
}

// SaveState records how far a pass came. Everything put before is durable then.
func (x *Index) SaveState(ctx context.Context, destination, key string, u *backup.Unfinished) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	if err := x.change(source{destination, key}, roomToPut, &entry{state: u}); err != nil {
		return fmt.Errorf("save state of %s/%s: %w", destination, key, err)
	}
	x.unreferenced.touch(u.Serial, x.now())
	return nil
}

// LoadState returns the unfinished pass over a source; fs.ErrNotExist where there is none. Its serial is that
// of a running pass then, as if NextSerial had handed it out.
func (x *Index) LoadState(ctx context.Context, destination, key string) (*backup.Unfinished, error) {
	if err := x.use(ctx); err != nil {
		return nil, err
	}
	defer x.closeMu.RUnlock()
	u := new(backup.Unfinished)
	data, err := x.read(unfinishedKey(source{destination, key}))
	switch {
	case errors.Is(err, errNoKey):
		err = fs.ErrNotExist
	case err == nil:
		if decodeRecord(data, u) != nil {
			err = damaged("decode: %w", errRecord)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("load state of %s/%s: %w", destination, key, err)
	}
	x.unreferenced.begin(u.Serial, x.now())
	return u, nil
}

// DropState forgets an unfinished pass and the seek points of its serial.
func (x *Index) DropState(ctx context.Context, destination, key string) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	src := source{destination, key}
	x.catalog.mu.RLock()
	u, there := x.catalog.unfinished[src]
	x.catalog.mu.RUnlock()
	if !there {
		return nil
	}
	if err := x.change(src, roomToDelete, &entry{}); err != nil {
		return fmt.Errorf("drop state of %s/%s: %w", destination, key, err)
	}
	x.unreferenced.end(u.serial)
	return nil
}

// entry is a change of what the catalog has for one source: a new snapshot, or none any more; a new state, the
// one that is there, or none.
type entry struct {
	snapshot       *backup.Snapshot
	deleteSnapshot bool
	state          *backup.Unfinished
	keepState      bool
	instead        *backup.Snapshot // the record that the new one replaces; nil: any
}

// errReplaced says that a record is another one than the change was made for.
var errReplaced = errors.New("replaced meanwhile")

// change makes one change of the catalog, durable and at once, after everything that was put before.
// The points of serials that nothing refers to any more are marked for the purge in the same transaction.
func (x *Index) change(src source, need int64, e *entry) error {
	x.commits.Lock()
	defer x.commits.Unlock()
	x.gcMu.RLock()
	defer x.gcMu.RUnlock()
	known := x.catalog.snapshot(src)
	if e.instead != nil && known != e.instead {
		return errReplaced
	}
	if e.instead == nil && e.snapshot != nil && known != nil && known.Serial == e.snapshot.Serial {
		e.snapshot.Verified = known.Verified // passes know an older one
	}
	if need == roomToPut {
		if err := x.batch.flush(); err != nil {
			return err
		}
		if err := x.syncBatch(); err != nil {
			return err
		}
	}
	after := x.catalog.after(src, e)
	doomed := x.catalog.orphans(src, after)
	err := x.commit(need, func(tx *badger.Txn) error {
		for _, serial := range doomed {
			if err := tx.Set(doomedKey(serial), sealPlain(nil)); err != nil {
				return err
			}
		}
		return x.write(tx, src, e, after)
	})
	if err != nil {
		return err
	}
	x.catalog.apply(src, after)
	if len(doomed) > 0 {
		x.wakePurge()
	}
	return nil
}

// write puts the records of a change into a transaction.
func (x *Index) write(tx *badger.Txn, src source, e *entry, after state) error {
	var err error
	switch {
	case e.snapshot != nil:
		err = tx.Set(snapshotKey(src), x.packer.seal(encodeRecord(e.snapshot)))
	case e.deleteSnapshot:
		err = tx.Delete(snapshotKey(src))
	}
	if err != nil {
		return err
	}
	switch {
	case e.state != nil:
		err = tx.Set(unfinishedKey(src), x.packer.seal(encodeRecord(e.state)))
	case !e.keepState:
		err = tx.Delete(unfinishedKey(src))
	}
	if err != nil {
		return err
	}
	return tx.Set(countsKey(), sealPlain(counts(after.snapshots, after.unfinished)))
}

// state is what the catalog has for one source, and how much it has in all.
type state struct {
	snapshot              *backup.Snapshot
	head                  *head
	snapshots, unfinished int
}

// of tells what there is for src.
func (c *catalog) of(src source) state {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s := state{snapshot: c.snapshots[src], snapshots: len(c.snapshots), unfinished: len(c.unfinished)}
	if h, ok := c.unfinished[src]; ok {
		s.head = &h
	}
	return s
}

// after tells what there will be for src after a change.
func (c *catalog) after(src source, e *entry) state {
	s := c.of(src)
	if s.snapshot != nil {
		s.snapshots--
	}
	if s.head != nil {
		s.unfinished--
	}
	switch {
	case e.snapshot != nil:
		s.snapshot = e.snapshot
	case e.deleteSnapshot:
		s.snapshot = nil
	}
	switch {
	case e.state != nil:
		h := headOf(e.state)
		s.head = &h
	case !e.keepState:
		s.head = nil
	}
	if s.snapshot != nil {
		s.snapshots++
	}
	if s.head != nil {
		s.unfinished++
	}
	return s
}

// serials lists whose points a source needs.
func (s state) serials() (all []uint64) {
	if s.snapshot != nil {
		all = append(all, s.snapshot.Serial)
	}
	if s.head != nil {
		all = append(all, s.head.serial)
	}
	return all
}

// orphans are the serials that src needs no more after the change.
func (c *catalog) orphans(src source, after state) []uint64 {
	before, still := c.of(src).serials(), after.serials()
	return slices.DeleteFunc(before, func(serial uint64) bool { return slices.Contains(still, serial) })
}

func (c *catalog) apply(src source, after state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	if after.snapshot != c.snapshots[src] {
		c.sorted = nil
	}
	delete(c.snapshots, src)
	delete(c.unfinished, src)
	if after.snapshot != nil {
		c.snapshots[src] = after.snapshot
	}
	if after.head != nil {
		c.unfinished[src] = *after.head
	}
}
