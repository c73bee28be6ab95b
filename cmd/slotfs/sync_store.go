package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"slotfs/cmd/internal/config"
	"slotfs/indexer/dest"
	"slotfs/sftpdest"
)

// store is a destination that slots are written to.
type store struct{ *sftpdest.Destination }

var (
	_ dest.Changeable   = store{}
	_ dest.FolderSyncer = store{}
)

// SyncDir makes the names in a folder durable. ProFTPD 1.3 knows fsync and lets nobody open a folder for it: that it
// cannot be done is all that its refusal means, for the folder was just written to.
func (s store) SyncDir(ctx context.Context, path string) error {
	err := s.Destination.SyncDir(ctx, path)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

// storeOf makes a destination that slots are written to. It connects with its first use.
func (s *settings) storeOf(c *config.Destination) (store, error) {
	d, err := s.remote(c)
	return store{d}, err
}
