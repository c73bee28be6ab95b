package index

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
)

// PutPoint stores a seek point of the archive of a snapshot, durable like Put.
func (x *Index) PutPoint(ctx context.Context, serial uint64, p *gzseek.Point) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	data, err := p.MarshalBinary()
	if err != nil {
		return fmt.Errorf("put point %d of archive %d: %w", p.Out, serial, err)
	}
	x.unreferenced.touch(serial, x.now())
	// The window in it is compressed already.
	if x.batch.putPoint(serial, p.Out, sealPlain(data)) {
		if err := x.batch.flush(); err != nil {
			return fmt.Errorf("put point %d of archive %d: %w", p.Out, serial, err)
		}
	}
	return nil
}

// Point returns the last point at or before the uncompressed offset out. If the serial has none because its
// snapshot was replaced or deleted meanwhile, that is backup.ErrStale.
func (x *Index) Point(ctx context.Context, serial uint64, out int64) (*gzseek.Point, error) {
	if err := x.use(ctx); err != nil {
		return nil, err
	}
	defer x.closeMu.RUnlock()
	p, err := x.point(serial, out)
	if err != nil {
		return nil, fmt.Errorf("get point %d of archive %d: %w", out, serial, err)
	}
	return p, nil
}

func (x *Index) point(serial uint64, out int64) (*gzseek.Point, error) {
	if x.batch.hasPoints(serial) {
		if err := x.batch.flush(); err != nil {
			return nil, err
		}
	}
	var data []byte
	err := x.view(func(tx *badger.Txn) (err error) {
		it := tx.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: pointsKey(serial)})
		defer it.Close()
		it.Seek(pointKey(serial, max(out, 0)))
		if !it.Valid() {
			return errNoKey
		}
		data, err = x.valueOf(it.Item())
		return err
	})
	switch {
	case errors.Is(err, errNoKey) && !x.catalog.holds(serial):
		return nil, backup.ErrStale
	case errors.Is(err, errNoKey):
		return nil, damaged("not there")
	case err != nil:
		return nil, err
	}
	p := new(gzseek.Point)
	if err := p.UnmarshalBinary(data); err != nil {
		return nil, damaged("decode: %w", err)
	}
	if p.Out > out {
		return nil, damaged("point of another offset")
	}
	return p, nil
}
