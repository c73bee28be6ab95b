package store

import (
	"context"
	"errors"

	"slotfs/indexer/dest"
)

// capabilities remembers what the server cannot do, so that it is asked once.
type capabilities struct {
	server
	*Facts
}

// durable notes whether something that was written is on the server's disk.
func (c *capabilities) durable(synced bool, err error) (bool, error) {
	if err == nil && !synced {
		c.unsynced.Store(true)
	}
	return synced, err
}

func (c *capabilities) Put(ctx context.Context, p string, content []byte, a dest.Attributes, sync bool) (bool, error) {
	return c.durable(c.server.Put(ctx, p, content, a, sync))
}

func (c *capabilities) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	return c.copied(func() (bool, error) { return c.server.Copy(ctx, from, to, size, a, sync) })
}

func (c *capabilities) CopyRanges(ctx context.Context, from, to string, size int64, ranges []dest.Range, a dest.Attributes, sync bool) (bool, error) {
	return c.copied(func() (bool, error) { return c.server.CopyRanges(ctx, from, to, size, ranges, a, sync) })
}

func (c *capabilities) copied(do func() (bool, error)) (bool, error) {
	if c.uncopied.Load() {
		return false, errors.ErrUnsupported
	}
	synced, err := do()
	if errors.Is(err, errors.ErrUnsupported) {
		c.uncopied.Store(true)
	}
	return c.durable(synced, err)
}

func (c *capabilities) Link(ctx context.Context, from, to string) error {
	if c.unlinked.Load() {
		return errors.ErrUnsupported
	}
	err := c.server.Link(ctx, from, to)
	if errors.Is(err, errors.ErrUnsupported) {
		c.unlinked.Store(true)
	}
	return err
}

// SyncDir makes the names in a directory durable as far as the server can.
func (c *capabilities) SyncDir(ctx context.Context, p string) error {
	if c.unsynced.Load() {
		return nil
	}
	return c.synced(c.server.SyncDir(ctx, p))
}

// synced notes that the server cannot sync, which is no error.
func (c *capabilities) synced(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		c.unsynced.Store(true)
		return nil
	}
	return err
}

func (c *capabilities) Install(ctx context.Context, from, to string) (bool, error) {
	if c.unsynced.Load() {
		return false, c.server.Rename(ctx, from, to)
	}
	return c.server.Install(ctx, from, to)
}

func (c *capabilities) SyncDirAttributes(ctx context.Context, p string, a dest.Attributes) (bool, error) {
	if c.unsynced.Load() {
		return false, c.server.SetAttributes(ctx, p, a)
	}
	return c.server.SyncDirAttributes(ctx, p, a)
}
