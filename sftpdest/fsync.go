package sftpdest

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

var (
	_ dest.DirSyncer      = (*Destination)(nil)
	_ dest.DurableRenamer = (*Destination)(nil)
)

// SyncDir implements dest.DirSyncer. OpenSSH opens a directory for reading as it opens a file, and syncs it.
func (d *Destination) SyncDir(ctx context.Context, p string) error {
	remote, err := d.remote(p)
	if err != nil {
		return err
	}
	err = d.do(ctx, func(s *pool.Session) error {
		if !s.Offers(wire.FsyncExtension) {
			return errors.ErrUnsupported
		}
		handle, err := s.OpenHandle(ctx, remote, wire.OpenRead, wire.Attributes{})
		if session.Unspecific(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EISDIR) {
			return errors.ErrUnsupported // a server that opens files only; ProFTPD calls it a matter of permission
		}
		if err != nil {
			return err
		}
		defer s.Close(handle)
		return s.SyncHandle(ctx, handle)
	})
	if err != nil {
		return d.fail("sync", p, err)
	}
	return nil
}

// Install implements dest.DurableRenamer.
func (d *Destination) Install(ctx context.Context, from, to string) (synced bool, err error) {
	old, err := d.remote(from)
	if err != nil {
		return false, err
	}
	target, err := d.remote(to)
	if err != nil {
		return false, err
	}
	directory, err := d.remote(dest.Parent(to))
	if err != nil {
		return false, err
	}
	plain := false
	err = d.doOnce(ctx, func(s *pool.Session) (err error) {
		plain = !d.replaces(s)
		if plain {
			return nil
		}
		synced, err = s.ChangeThenSyncDir(ctx, directory, func(b []byte, id uint32) []byte { return wire.AppendPosixRename(b, id, old, target) })
		return err
	})
	if plain || errors.Is(err, errors.ErrUnsupported) {
		return false, d.Rename(ctx, from, to)
	}
	if err != nil {
		return false, d.fail("rename", from, d.explain(ctx, err, []string{old, directory}, nil))
	}
	return synced, nil
}

// SyncDirAttributes implements dest.DurableRenamer.
func (d *Destination) SyncDirAttributes(ctx context.Context, p string, set dest.Attributes) (synced bool, err error) {
	remote, err := d.remote(p)
	if err != nil {
		return false, err
	}
	a, err := wireAttributes(set)
	if err != nil {
		return false, d.fail("set attributes of", p, err)
	}
	err = d.do(ctx, func(s *pool.Session) (err error) {
		synced, err = s.ChangeThenSyncDir(ctx, remote, func(b []byte, id uint32) []byte { return wire.AppendAttributes(b, wire.SetStat, id, remote, a) })
		return err
	})
	if err != nil {
		return false, d.absent(ctx, "set attributes of", p, remote, err)
	}
	return synced, nil
}
