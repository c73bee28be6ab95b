package index

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// view runs fn in a transaction that reads. Badger panics over some damaged tables; that is ErrDamaged here.
func (x *Index) view(fn func(tx *badger.Txn) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damaged("read table: %v", r)
		}
	}()
	return fault(x.db.View(fn))
}

// read returns the unpacked record at key; errNoKey if there is none.
func (x *Index) read(key []byte) (data []byte, err error) {
	err = x.view(func(tx *badger.Txn) error {
		data, err = x.readIn(tx, key)
		return err
	})
	return data, err
}

func (x *Index) readIn(tx *badger.Txn, key []byte) (data []byte, err error) {
	item, err := tx.Get(key)
	if err != nil {
		return nil, lookupFault(err)
	}
	return x.valueOf(item)
}

// valueOf unpacks the record of an item.
func (x *Index) valueOf(item *badger.Item) (data []byte, err error) {
	err = item.Value(func(value []byte) error {
		data, err = x.packer.unseal(value)
		return err
	})
	if err != nil {
		return nil, damaged("record %x: %w", item.Key(), err)
	}
	return data, nil
}

// lookupFault tells a key that is not there from a table that cannot be read.
func lookupFault(err error) error {
	if err = fault(err); err == nil || errors.Is(err, errNoKey) {
		return err
	}
	return fmt.Errorf("%w: %w", errDamaged, err)
}

// commit runs fn in one transaction and makes it durable. It is refused if the disk has less than need left.
func (x *Index) commit(need int64, fn func(tx *badger.Txn) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damaged("commit: %v", r)
		}
	}()
	if err := x.room(need); err != nil {
		return err
	}
	if err := x.db.Update(fn); err != nil {
		return fault(err)
	}
	return x.sync()
}

// bulk runs fn on a batch of writes that need not be atomic, and waits until they are in badger.
func (x *Index) bulk(need int64, fn func(wb *badger.WriteBatch) error) error {
	if err := x.room(need); err != nil {
		return err
	}
	wb := x.db.NewWriteBatch()
	defer wb.Cancel()
	if err := fn(wb); err != nil {
		return fault(err)
	}
	return fault(wb.Flush())
}
