package index

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

var _ tree.Store = (*Index)(nil)

// Get returns a node or blob, checked against its hash. Missing or wrong: ErrDamaged.
func (x *Index) Get(ctx context.Context, h backup.Hash) ([]byte, error) {
	if err := x.use(ctx); err != nil {
		return nil, err
	}
	defer x.closeMu.RUnlock()
	data, err := x.get(h)
	if err != nil {
		return nil, fmt.Errorf("get node %s: %w", h, err)
	}
	return data, nil
}

func (x *Index) get(h backup.Hash) (data []byte, err error) {
	if value, ok := x.batch.node(h); ok {
		return x.openNode(h, value)
	}
	err = x.view(func(tx *badger.Txn) error {
		item, err := tx.Get(nodeKey(h))
		if err != nil {
			return lookupFault(err)
		}
		return item.Value(func(value []byte) error {
			data, err = x.openNode(h, value)
			return err
		})
	})
	if errors.Is(err, errNoKey) {
		return nil, damaged("not there")
	}
	return data, err
}

// openNode unpacks the value of a node and checks it.
func (x *Index) openNode(h backup.Hash, value []byte) ([]byte, error) {
	data, err := x.packer.unpack(value)
	if err != nil {
		return nil, damaged("unpack: %w", err)
	}
	if tree.Sum(data) != h {
		return nil, damaged("hash does not match")
	}
	return data, nil
}

// Put stores a node or blob. It is durable after the next PutSnapshot or SaveState returned.
func (x *Index) Put(ctx context.Context, h backup.Hash, data []byte) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	full, err := x.put(h, data)
	if err == nil && full {
		err = x.batch.flush()
	}
	if err != nil {
		return fmt.Errorf("put node %s: %w", h, err)
	}
	return nil
}

// put reports whether the batch is full.
func (x *Index) put(h backup.Hash, data []byte) (full bool, err error) {
	x.gcMu.RLock()
	defer x.gcMu.RUnlock()
	x.unreferenced.add(h)
	if x.recent.has(h) {
		return false, nil
	}
	there, err := x.has(h)
	if err != nil {
		return false, err
	}
	if !there {
		full = x.batch.putNode(h, x.packer.pack(nil, data))
	}
	x.recent.add(h)
	return full, nil
}

// has reports whether a node is stored, without reading it.
func (x *Index) has(h backup.Hash) (there bool, err error) {
	if _, ok := x.batch.node(h); ok {
		return true, nil
	}
	err = x.view(func(tx *badger.Txn) error {
		_, err := tx.Get(nodeKey(h))
		return lookupFault(err)
	})
	if errors.Is(err, errNoKey) {
		return false, nil
	}
	return err == nil, err
}

// recentSize is the number of slots of recent: 320 KiB.
const recentSize = 1 << 14

// recent remembers some of the nodes that are known to be stored, because the same few directories (new,
// cur, tmp of a mailbox) come again and again.
type recent struct {
	mu sync.Mutex
	// mu guards what follows.
	slots []backup.Hash
}

func (r *recent) slot(h backup.Hash) *backup.Hash {
	if r.slots == nil {
		r.slots = make([]backup.Hash, recentSize)
	}
	return &r.slots[(int(h[0])<<8|int(h[1]))%recentSize]
}

func (r *recent) has(h backup.Hash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.slot(h) == h
}

func (r *recent) add(h backup.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.slot(h) = h
}

func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slots = nil
}
