package index

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
)

// Format is the version of records and nodes: what is exported by another one is not imported.
const Format = formatVersion

// EncodeSnapshot is the record of a snapshot.
func EncodeSnapshot(s *backup.Snapshot) []byte { return encodeRecord(s) }

// DecodeSnapshot is the reverse of EncodeSnapshot for records from anywhere.
func DecodeSnapshot(data []byte) (*backup.Snapshot, error) {
	s := new(backup.Snapshot)
	if err := decodeRecord(data, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Attachment is what belongs to a snapshot beside its nodes, by the snapshot's serial.
type Attachment byte

// The attachments.
const (
	Points Attachment = pointSpace  // seek points, by offset in the uncompressed archive
	Sums   Attachment = sumSpace    // checksums, by piece of the backup
	Tables Attachment = tablesSpace // where the tables of an SQL dump lie, by its offset
)

// Attached hands all attachments of a snapshot to yield, whose error ends it. The data are yield's.
func (x *Index) Attached(ctx context.Context, serial uint64, yield func(kind Attachment, at uint64, data []byte) error) error {
	if err := x.use(ctx); err != nil {
		return err
	}
	defer x.closeMu.RUnlock()
	err := x.view(func(tx *badger.Txn) error {
		for _, prefix := range [][]byte{pointsKey(serial), sumsKey(serial), tablesOfKey(serial)} {
			if err := x.attached(ctx, tx, prefix, yield); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what belongs to archive %d: %w", serial, err)
	}
	return nil
}

func (x *Index) attached(ctx context.Context, tx *badger.Txn, prefix []byte, yield func(kind Attachment, at uint64, data []byte) error) error {
	it := tx.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Seek(prefix); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := it.Item().Key()
		if len(key) != len(prefix)+8 {
			return damaged("a key of %d bytes", len(key))
		}
		at := binary.BigEndian.Uint64(key[len(prefix):])
		data, err := x.valueOf(it.Item())
		if err != nil {
			return err
		}
		if err := yield(Attachment(prefix[0]), at, data); err != nil {
			return err
		}
	}
	return nil
}

// Attach stores what Attached told of a snapshot under the serial of another one. What no pass would have stored is refused.
func (x *Index) Attach(ctx context.Context, serial uint64, kind Attachment, at uint64, data []byte) error {
	switch kind {
	case Points:
		p := new(gzseek.Point)
		if err := p.UnmarshalBinary(data); err != nil {
			return fmt.Errorf("seek point: %w", err)
		}
		if uint64(p.Out) != at {
			return fmt.Errorf("seek point: that of another offset")
		}
		return x.PutPoint(ctx, serial, p)
	case Sums:
		return x.PutSums(ctx, serial, at, data)
	case Tables:
		return x.PutTables(ctx, serial, int64(at), data)
	}
	return fmt.Errorf("attachment %q: unknown", byte(kind))
}
