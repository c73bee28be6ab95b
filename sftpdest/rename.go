package sftpdest

import (
	"context"
	"errors"
	"fmt"

	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

// replaces reports whether the server says that it can rename over a file.
func (d *Destination) replaces(s *pool.Session) bool {
	return s.Offers(wire.PosixRenameExtension) && !d.server.plainRename.Load()
}

// Replaces reports whether Rename replaces a file that is there. A server that offers it and does not do it is found out by
// the first Rename.
func (d *Destination) Replaces(ctx context.Context) (can bool, err error) {
	err = d.do(ctx, func(s *pool.Session) error {
		can = d.replaces(s)
		return nil
	})
	return can, err
}

// Rename implements dest.Mover. Plain RENAME of version 3 replaces nothing: it is for servers without the extension.
func (d *Destination) Rename(ctx context.Context, from, to string) error {
	old, err := d.remote(from)
	if err != nil {
		return err
	}
	target, err := d.remote(to)
	if err != nil {
		return err
	}
	plain := false
	err = d.doOnce(ctx, func(s *pool.Session) error {
		if d.replaces(s) {
			err := s.DoStatus(ctx, func(b []byte, id uint32) []byte { return wire.AppendPosixRename(b, id, old, target) })
			if !errors.Is(err, errors.ErrUnsupported) {
				return err
			}
			d.server.plainRename.Store(true)
		}
		plain = true
		return s.DoStatus(ctx, func(b []byte, id uint32) []byte { return wire.AppendStrings(b, wire.Rename, id, old, target) })
	})
	if err == nil {
		return nil
	}
	if _, refused := session.Refusal(err); refused && plain {
		if there, lookErr := d.exists(ctx, target); lookErr == nil && there {
			err = fmt.Errorf("replace a file by renaming: %w (%w)", errors.ErrUnsupported, err)
		}
	}
	return d.fail("rename", from, d.explain(ctx, err, []string{old, above(target)}, nil))
}
