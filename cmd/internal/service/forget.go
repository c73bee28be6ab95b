package service

import (
	"context"
	"fmt"

	"slotfs/indexer/backup"
)

// catalog is where snapshots are forgotten.
type catalog interface {
	Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error)
	DeleteSnapshot(ctx context.Context, destination, key string) error
	Sweep(ctx context.Context) (deleted int, err error)
}

// forgetSnapshots removes what the index knows of a destination.
func forgetSnapshots(ctx context.Context, x catalog, name string) error {
	all, err := x.Snapshots(ctx, name)
	if err != nil {
		return fmt.Errorf("forget %s: %w", name, err)
	}
	for _, s := range all {
		if err := x.DeleteSnapshot(ctx, name, s.Key()); err != nil {
			return fmt.Errorf("forget %s: %w", name, err)
		}
	}
	if len(all) == 0 {
		return nil
	}
	if _, err := x.Sweep(ctx); err != nil {
		return fmt.Errorf("forget %s: %w", name, err)
	}
	return nil
}
