package index

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/dgraph-io/badger/v4"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// sweepSize is how many nodes are deleted while nobody may put one.
const sweepSize = 500

// Sweep deletes nodes that no snapshot and no unfinished pass reaches, and gives disk space back. Nodes
// put while it runs are kept, and so are those put since NextSerial by a pass that is still running. It needs
// about 20 bytes of memory for each node that is reached.
func (x *Index) Sweep(ctx context.Context) (deleted int, err error) {
	if err := x.use(ctx); err != nil {
		return 0, err
	}
	defer x.closeMu.RUnlock()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(x.ctx, stop)()
	x.sweeping.Lock()
	defer x.sweeping.Unlock()
	x.unreferenced.sweep(true, x.now())
	defer func() { x.unreferenced.sweep(false, x.now()) }()

	deleted, kept, err := x.sweepNodes(ctx)
	if err == nil {
		err = x.sweepSerials(ctx)
	}
	if err == nil {
		err = x.giveBack(deleted, kept)
	}
	if err != nil {
		return deleted, fmt.Errorf("sweep index: %w", err)
	}
	return deleted, nil
}

func (x *Index) sweepNodes(ctx context.Context) (deleted, kept int, err error) {
	if err := x.batch.flush(); err != nil {
		return 0, 0, err
	}
	m := marks{x: x, seen: map[mark]struct{}{}}
	if err := m.update(ctx); err != nil {
		return 0, 0, err
	}
	var batch []backup.Hash
	err = x.eachNode(ctx, func(h backup.Hash) error {
		if m.has(h) {
			kept++
			return nil
		}
		batch = append(batch, h)
		if len(batch) < sweepSize {
			return nil
		}
		n, err := x.deleteNodes(ctx, &m, batch)
		deleted, batch = deleted+n, batch[:0]
		return err
	})
	if err == nil {
		var n int
		n, err = x.deleteNodes(ctx, &m, batch)
		deleted += n
	}
	return deleted, kept, err
}

// eachNode calls fn with the name of each node that was stored when it was called.
func (x *Index) eachNode(ctx context.Context, fn func(h backup.Hash) error) error {
	return x.view(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.IteratorOptions{Prefix: []byte{nodeSpace}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if h, ok := nodeOf(it.Item().Key()); ok {
				if err := fn(h); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// deleteNodes deletes those of the nodes that nobody has come to need meanwhile.
func (x *Index) deleteNodes(ctx context.Context, m *marks, nodes []backup.Hash) (int, error) {
	x.gcMu.Lock()
	defer x.gcMu.Unlock()
	if err := m.update(ctx); err != nil {
		return 0, err
	}
	var keys [][]byte
	for _, h := range nodes {
		if !m.has(h) && !x.unreferenced.has(h) {
			keys = append(keys, nodeKey(h))
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	x.recent.clear()
	return len(keys), x.deleteKeys(keys)
}

// sweepSerials dooms points whose pass died without a saved state.
func (x *Index) sweepSerials(ctx context.Context) error {
	limit := x.serials.first
	for serial := uint64(0); ; serial++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := x.nextSerialWithPoints(serial)
		if errors.Is(err, errNoKey) || next >= limit {
			return nil
		}
		if err != nil {
			return err
		}
		serial = next
		if x.catalog.holds(serial) {
			continue
		}
		err = x.commit(roomToDelete, func(tx *badger.Txn) error {
			return tx.Set(doomedKey(serial), sealPlain(nil))
		})
		if err != nil {
			return err
		}
		x.wakePurge()
	}
}

// nextSerialWithPoints is the first serial from the given one on that has points or checksums; errNoKey if there is none.
func (x *Index) nextSerialWithPoints(from uint64) (uint64, error) {
	first := uint64(math.MaxUint64)
	err := x.view(func(tx *badger.Txn) error {
		for _, key := range [][]byte{pointsKey(from), sumsKey(from)} {
			it := tx.NewIterator(badger.IteratorOptions{Prefix: key[:1]})
			it.Seek(key)
			if it.Valid() {
				if serial, ok := serialOf(it.Item().Key()); ok {
					first = min(first, serial)
				}
			}
			it.Close()
		}
		return nil
	})
	if err == nil && first == math.MaxUint64 {
		err = errNoKey
	}
	return first, err
}

// giveBack lets badger rewrite its tables if there is enough in it for that to be worth while.
func (x *Index) giveBack(deleted, kept int) error {
	if deleted < 1000 || deleted < kept/20 {
		return nil
	}
	if err := x.room(roomToPut); err != nil {
		return nil // it takes room to make room; badger does it bit by bit anyway
	}
	if err := x.db.Flatten(1); err != nil {
		return fmt.Errorf("flatten: %w", fault(err))
	}
	for {
		err := x.db.RunValueLogGC(0.5)
		if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrRejected) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("value log: %w", fault(err))
		}
	}
}

// mark stands for a node that is reached: as much of its hash as cannot be equal by chance or on purpose.
type mark [12]byte

// marks is the set of nodes that records reach.
type marks struct {
	x          *Index
	seen       map[mark]struct{}
	done       bool
	generation uint64 // of the catalog that was marked
}

func markOf(h backup.Hash) mark { return mark(h[:len(mark{})]) }

func (m *marks) has(h backup.Hash) bool {
	_, ok := m.seen[markOf(h)]
	return ok
}

// add reports whether h was not marked before.
func (m *marks) add(h backup.Hash) bool {
	if h.IsZero() || m.has(h) {
		return false
	}
	m.seen[markOf(h)] = struct{}{}
	return true
}

// update marks what the catalog reaches, if it changed since the last time. A damaged node ends it: what is
// below that one cannot be known.
func (m *marks) update(ctx context.Context) error {
	all, generation := m.x.catalog.roots()
	if m.done && generation == m.generation {
		return nil
	}
	for _, h := range all.blobs {
		m.add(h)
	}
	for _, h := range all.nodes {
		if err := m.tree(ctx, h); err != nil {
			return err
		}
	}
	m.done, m.generation = true, generation
	return nil
}

// tree marks a node and all below it.
func (m *marks) tree(ctx context.Context, root backup.Hash) error {
	if !m.add(root) {
		return nil
	}
	for waiting := []backup.Hash{root}; len(waiting) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		h := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		data, err := m.x.get(h)
		if err != nil {
			return fmt.Errorf("node %s: %w", h, err)
		}
		below, err := tree.References(data)
		if err != nil {
			return damaged("node %s: %w", h, err)
		}
		for _, b := range below {
			if m.add(b) {
				waiting = append(waiting, b)
			}
		}
	}
	return nil
}
