package indexer

import (
	"context"
	"errors"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// readDescribed makes the snapshot of an archive from what its writer noted down beside it, without reading it. Where
// there are no such notes, or they are damaged, the archive itself has to do.
func (r slotReader) readDescribed(ctx context.Context, b *reading) (result, error) {
	if r.said.Archive == nil || r.said.List == nil {
		return archiveReader{}.read(ctx, b)
	}
	snapshot, err := r.fromList(ctx, b)
	if err == nil {
		err = r.said.Archive.Points(ctx, func(point *gzseek.Point) error {
			if err := b.index.PutPoint(ctx, b.serial, point); err != nil {
				return storeError{err}
			}
			return nil
		})
	}
	if errors.Is(err, engine.ErrDamaged) {
		b.Log.Warn("notes about an archive", "path", b.source.Key(), "error", err)
		return archiveReader{}.read(ctx, b)
	}
	if err != nil {
		return result{}, err
	}
	b.Progress.Began(b.source, 0, 0)
	if err := b.dropState(ctx); err != nil {
		return result{}, err
	}
	snapshot.Content = r.said.Archive.Content
	return result{snapshot, func(*tree.Tree) engine.ReadFunc {
		return func(path string) ([]byte, error) { return r.said.Archive.Read(ctx, path) }
	}}, nil
}
