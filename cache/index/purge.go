package index

import (
	"errors"
	"io/fs"

	"github.com/dgraph-io/badger/v4"
)

// purgeSize is how many points are deleted at once.
const purgeSize = 1000

// purge deletes the points, checksums and lists of tables of doomed serials, those that an earlier process left among them. It ends when Close
// begins; what is left then is taken up at the next Open.
func (x *Index) purge() {
	defer x.purges.Done()
	for {
		if err := x.purgeAll(); err != nil && !errors.Is(err, fs.ErrClosed) {
			x.log.Warn("purge seek points", "index", x.dir, "err", err)
		}
		select {
		case <-x.ctx.Done():
			return
		case <-x.wake:
		}
	}
}

// wakePurge tells the purge that there is work.
func (x *Index) wakePurge() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

func (x *Index) purgeAll() error {
	var doomed []uint64
	err := x.view(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.IteratorOptions{Prefix: []byte{doomedSpace}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if serial, ok := serialOf(it.Item().Key()); ok {
				doomed = append(doomed, serial)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, serial := range doomed {
		if err := x.purgeSerial(serial); err != nil {
			return err
		}
	}
	return nil
}

// purgeSerial deletes all that is kept under a serial, then the mark.
func (x *Index) purgeSerial(serial uint64) error {
	if x.batch.hasPoints(serial) {
		x.batch.dropPoints(serial)
	}
	for _, prefix := range [][]byte{sumsKey(serial), tablesOfKey(serial), pointsKey(serial), doomedKey(serial)} {
		if err := x.purgePrefix(prefix); err != nil {
			return err
		}
	}
	return nil
}

// purgePrefix deletes all that begins with prefix. It fails when Close begins.
func (x *Index) purgePrefix(prefix []byte) error {
	for {
		if x.ctx.Err() != nil {
			return fs.ErrClosed
		}
		keys, err := x.someKeys(prefix, purgeSize)
		if err == nil && len(keys) > 0 {
			err = x.deleteKeys(keys)
		}
		if err != nil || len(keys) < purgeSize {
			return err
		}
	}
}

// someKeys returns the first keys that begin with prefix, at most n.
func (x *Index) someKeys(prefix []byte, n int) (keys [][]byte, err error) {
	err = x.view(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.IteratorOptions{Prefix: prefix})
		defer it.Close()
		for it.Rewind(); it.Valid() && len(keys) < n; it.Next() {
			keys = append(keys, it.Item().KeyCopy(nil))
		}
		return nil
	})
	return keys, err
}

func (x *Index) deleteKeys(keys [][]byte) error {
	return x.bulk(roomToDelete, func(wb *badger.WriteBatch) error {
		for _, k := range keys {
			if err := wb.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}
