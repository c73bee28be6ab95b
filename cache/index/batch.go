package index

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"slotfs/indexer/backup"
)

// batchSize is how many bytes of values wait before they are written: enough to make badger's work cheap,
// little enough to be of no weight in memory.
const batchSize = 1 << 20

// batch collects nodes and points on their way to badger. Who fills it writes it, so nobody runs ahead of the
// disk; the others go on meanwhile. What could not be written stays and is tried again.
type batch struct {
	x     *Index
	dirty atomic.Bool // something was written that is not synced
	// writing is held while a batch is written.
	writing sync.Mutex

	mu sync.Mutex
	// mu guards what follows.
	open *writes // still to be written
	out  *writes // being written, or nil
}

// writes is a set of values by key.
type writes struct {
	nodes  map[backup.Hash][]byte
	points map[uint64]map[int64][]byte // by serial and offset
	bytes  int
}

func newWrites() *writes {
	return &writes{nodes: map[backup.Hash][]byte{}, points: map[uint64]map[int64][]byte{}}
}

func (b *batch) init(x *Index) { b.x, b.open = x, newWrites() }

func (w *writes) putNode(h backup.Hash, value []byte) {
	w.nodes[h] = value
	w.bytes += len(h) + len(value)
}

func (w *writes) putPoint(serial uint64, out int64, value []byte) {
	if w.points[serial] == nil {
		w.points[serial] = map[int64][]byte{}
	}
	w.points[serial][out] = value
	w.bytes += 16 + len(value)
}

// add takes over what is in v, where w has nothing newer.
func (w *writes) add(v *writes) {
	for h, value := range v.nodes {
		w.putNode(h, value)
	}
	for serial, points := range v.points {
		for out, value := range points {
			if _, newer := w.points[serial][out]; !newer {
				w.putPoint(serial, out, value)
			}
		}
	}
}

// putNode adds a node and reports whether the batch should be flushed.
func (b *batch) putNode(h backup.Hash, value []byte) (full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open.putNode(h, value)
	return b.open.bytes >= batchSize
}

// putPoint adds a point and reports whether the batch should be flushed.
func (b *batch) putPoint(serial uint64, out int64, value []byte) (full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open.putPoint(serial, out, value)
	return b.open.bytes >= batchSize
}

// node returns the value of a node that is not in badger yet.
func (b *batch) node(h backup.Hash) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if value, ok := b.open.nodes[h]; ok {
		return value, true
	}
	if b.out == nil {
		return nil, false
	}
	value, ok := b.out.nodes[h]
	return value, ok
}

// hasPoints reports whether points of a serial are not in badger yet.
func (b *batch) hasPoints(serial uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.open.points[serial]) > 0 || b.out != nil && len(b.out.points[serial]) > 0
}

// dropPoints forgets the points of a serial that are not in badger yet.
func (b *batch) dropPoints(serial uint64) {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open.points, serial)
}

// flush writes everything that was put before it was called. Durable it is after sync.
func (b *batch) flush() error {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	out := b.open
	b.out, b.open = out, newWrites()
	b.mu.Unlock()

	err := b.write(out)

	b.mu.Lock()
	defer b.mu.Unlock()
	b.out = nil
	if err != nil {
		b.open.add(out)
		return fmt.Errorf("write nodes and points: %w", err)
	}
	return nil
}

func (b *batch) write(w *writes) error {
	if len(w.nodes)+len(w.points) == 0 {
		return nil
	}
	b.dirty.Store(true)
	return b.x.bulk(roomToPut, func(wb *badger.WriteBatch) error {
		for h, value := range w.nodes {
			if err := wb.Set(nodeKey(h), value); err != nil {
				return err
			}
		}
		for serial, points := range w.points {
			for out, value := range points {
				if err := wb.Set(pointKey(serial, out), value); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
