package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/dgraph-io/badger/v4"
)

// PutTables stores where the tables lie of the SQL dump that begins at an offset of an archive. It is durable with the snapshot, and goes
// when nothing has the serial any more.
func (x *Index) PutTables(ctx context.Context, serial uint64, offset int64, tables []byte) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	x.unreferenced.touch(serial, x.now())
	err := x.bulk(roomToPut, func(wb *badger.WriteBatch) error {
		return wb.Set(tablesKey(serial, offset), x.packer.seal(tables))
	})
	if err != nil {
		return fmt.Errorf("put tables of the dump at %d of archive %d: %w", offset, serial, err)
	}
	x.batch.dirty.Store(true)
	return nil
}

// Tables returns what PutTables stored; fs.ErrNotExist where there is nothing.
func (x *Index) Tables(ctx context.Context, serial uint64, offset int64) ([]byte, error) {
	if err := x.use(ctx); err != nil {
		return nil, err
	}
	defer x.closeMu.RUnlock()
	data, err := x.read(tablesKey(serial, offset))
	if errors.Is(err, errNoKey) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("get tables of the dump at %d of archive %d: %w", offset, serial, err)
	}
	return data, nil
}
