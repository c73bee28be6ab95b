package indexer

import (
	"context"
	"errors"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// readDescribed makes the snapshot of an archive from what its writer noted down beside it, without reading it. Where
// there are no such notes, or they are damaged, the archive itself has to do.
func (p *pass) readDescribed(ctx context.Context, s *backup.Source, serial uint64, record engine.SelfDescription) (*backup.Snapshot, error) {
	if record.Archive == nil || record.List == nil {
		return p.readArchive(ctx, s, serial)
	}
	snapshot, err := p.fromList(ctx, s, serial, record)
	if err == nil {
		err = record.Archive.Points(ctx, func(point *gzseek.Point) error {
			if err := p.index.PutPoint(ctx, serial, point); err != nil {
				return storeError{err}
			}
			return nil
		})
	}
	if errors.Is(err, engine.ErrDamaged) {
		p.Log.Warn("notes about an archive", "path", s.Key(), "error", err)
		return p.readArchive(ctx, s, serial)
	}
	if err != nil {
		return nil, err
	}
	p.Progress.Began(s, 0, 0)
	if err := p.index.DropState(ctx, p.Destination, s.Key()); err != nil {
		return nil, storeError{err}
	}
	snapshot.Content = record.Archive.Content
	err = p.describe(ctx, snapshot, func(*tree.Tree) engine.ReadFunc {
		return func(path string) ([]byte, error) { return record.Archive.Read(ctx, path) }
	})
	return snapshot, err
}
