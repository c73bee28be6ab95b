package sftpdest

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

var (
	_ dest.DirSyncer      = (*Destination)(nil)
	_ dest.DurableRenamer = (*Destination)(nil)
)

// SyncDir implements dest.DirSyncer. OpenSSH opens a folder for reading as it opens a file, and syncs it.
func (d *Destination) SyncDir(ctx context.Context, p string) error {
	remote, err := d.remote(p)
	if err != nil {
		return err
	}
	err = d.do(ctx, func(s *session) error {
		if !s.offers(wire.FsyncExtension) {
			return errors.ErrUnsupported
		}
		handle, err := s.openHandle(ctx, remote, wire.OpenRead, wire.Attributes{})
		if unspecific(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EISDIR) {
			return errors.ErrUnsupported // a server that opens files only; ProFTPD calls it a matter of permission
		}
		if err != nil {
			return err
		}
		defer s.close(handle)
		return s.syncHandle(ctx, handle)
	})
	if err != nil {
		return d.fail("sync", p, err)
	}
	return nil
}

func (s *session) syncHandle(ctx context.Context, handle string) error {
	return s.order(ctx, func(b []byte, id uint32) []byte {
		return wire.AppendStrings(b, wire.Extended, id, wire.FsyncExtension, handle)
	})
}

// alter sends a change of a name in folder, or of the folder itself, and syncs the folder when the change is answered: it
// is opened meanwhile. Where that is refused nothing is synced.
func (s *session) alter(ctx context.Context, folder string, change func(b []byte, id uint32) []byte) (synced bool, err error) {
	changing := s.send(smallCost, change)
	if !s.offers(wire.FsyncExtension) {
		return false, s.statuses(ctx, []*request{changing})
	}
	opening := s.sendOpen(folder, wire.OpenRead, wire.Attributes{})
	if err := s.statuses(ctx, []*request{changing}); err != nil {
		s.leave(opening, s.closeLate)
		return false, err
	}
	handle, err := s.handleOf(ctx, opening)
	var status *statusError
	if errors.As(err, &status) {
		return false, nil // SyncDir finds out why
	}
	if err != nil {
		return false, err
	}
	defer s.close(handle)
	if err := s.syncHandle(ctx, handle); err != nil {
		return false, err
	}
	return true, nil
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
	folder, err := d.remote(dest.Parent(to))
	if err != nil {
		return false, err
	}
	plain := false
	err = d.doOnce(ctx, func(s *session) (err error) {
		if plain = !d.replaces(s); plain {
			return nil
		}
		synced, err = s.alter(ctx, folder, func(b []byte, id uint32) []byte { return wire.AppendPosixRename(b, id, old, target) })
		return err
	})
	if plain || errors.Is(err, errors.ErrUnsupported) {
		return false, d.Rename(ctx, from, to)
	}
	if err != nil {
		return false, d.fail("rename", from, d.explain(ctx, err, []string{old, folder}, nil))
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
	err = d.do(ctx, func(s *session) (err error) {
		synced, err = s.alter(ctx, remote, func(b []byte, id uint32) []byte { return wire.AppendAttributes(b, wire.SetStat, id, remote, a) })
		return err
	})
	if err != nil {
		return false, d.absent(ctx, "set attributes of", p, remote, err)
	}
	return synced, nil
}
