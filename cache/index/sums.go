package index

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// PutSums stores checksums of the pieces of a backup from the first one on. They go when nothing has the serial any more.
func (x *Index) PutSums(ctx context.Context, serial, first uint64, sums []byte) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	err := x.commit(roomToPut, func(tx *badger.Txn) error { return tx.Set(sumKey(serial, first), sealPlain(sums)) })
	if err != nil {
		return fmt.Errorf("put checksums of %d from %d on: %w", serial, first, err)
	}
	return nil
}

// Sums returns the last checksums that begin at piece or before it, nil where there are none, and with which piece the next ones
// begin, 0 where there are none.
func (x *Index) Sums(ctx context.Context, serial, piece uint64) (first uint64, sums []byte, next uint64, err error) {
	if err := x.use(ctx); err != nil {
		return 0, nil, 0, err
	}
	defer x.closeMu.RUnlock()
	err = x.view(func(tx *badger.Txn) (err error) {
		back := tx.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: sumsKey(serial)})
		defer back.Close()
		if back.Seek(sumKey(serial, piece)); back.Valid() {
			first = pieceOf(back.Item().Key())
			if sums, err = x.valueOf(back.Item()); err != nil {
				return err
			}
		}
		on := tx.NewIterator(badger.IteratorOptions{Prefix: sumsKey(serial)})
		defer on.Close()
		if on.Seek(sumKey(serial, piece+1)); on.Valid() {
			next = pieceOf(on.Item().Key())
		}
		return nil
	})
	if err != nil {
		return 0, nil, 0, fmt.Errorf("get checksums of %d at %d: %w", serial, piece, err)
	}
	return first, sums, next, nil
}

// pieceOf is the piece in the key of checksums.
func pieceOf(key []byte) uint64 {
	if len(key) < 17 {
		return 0
	}
	return binary.BigEndian.Uint64(key[9:])
}
