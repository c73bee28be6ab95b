package index

import (
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Stats tells how much the index holds.
type Stats struct {
	Snapshots, Nodes, Points int64
	NodeBytes, PointBytes    int64 // as stored
	DiskBytes                int64
}

// Stats counts. It goes through all keys, which takes seconds for millions of nodes.
func (x *Index) Stats(ctx context.Context) (Stats, error) {
	if err := x.use(ctx); err != nil {
		return Stats{}, err
	}
	defer x.closeMu.RUnlock()
	s := Stats{Snapshots: int64(len(x.catalog.all()))}
	err := x.batch.flush()
	if err == nil {
		s.Nodes, s.NodeBytes, err = x.count(ctx, nodeSpace)
	}
	if err == nil {
		s.Points, s.PointBytes, err = x.count(ctx, pointSpace)
	}
	if err == nil {
		s.DiskBytes, err = diskBytes(x.dir)
	}
	if err != nil {
		return Stats{}, fmt.Errorf("count index: %w", err)
	}
	return s, nil
}

// count tells how many keys a space has, and the size of their values.
func (x *Index) count(ctx context.Context, space byte) (n, bytes int64, err error) {
	err = x.view(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.IteratorOptions{Prefix: []byte{space}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			n++
			bytes += it.Item().ValueSize()
		}
		return nil
	})
	return n, bytes, err
}
