package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

// Create implements dest.Creator.
func (d *Destination) Create(ctx context.Context, p string, how dest.Create) (dest.WriteFile, error) {
	remote, err := d.remote(p)
	if err != nil {
		return nil, err
	}
	flags := uint32(wire.OpenWrite | wire.OpenCreate)
	if !how.Existing {
		flags |= wire.OpenExclude
	}
	if how.Append {
		flags |= wire.OpenAppend
	}
	if how.Permissions == 0 {
		how.Permissions = 0o600
	}
	o := &output{d: d, path: p, longLived: how.LongLived}
	made := creation{remote: remote, permissions: how.Permissions, fresh: !how.Existing}
	err = d.create(ctx, made, func(a wire.Attributes) (opened bool, err error) {
		return false, d.doHandleOnce(ctx, pool.Opening{Keep: true, LongLived: how.LongLived}, func(s *pool.Session) (err error) {
			o.s = s
			o.handle, err = s.OpenHandle(ctx, remote, flags, a)
			return err
		})
	})
	if err != nil {
		return nil, d.fail("create", p, err)
	}
	return o, nil
}

// creation is a remote file or directory that is made.
type creation struct {
	remote      string
	permissions uint32
	fresh       bool     // it must not be there
	there       []string // what has to be, but the directory above
}

// create runs open, which makes c with the attributes that it is given and reports whether it did; without any permissions where
// the server lets nobody choose them (ProFTPD with <Limit SITE_CHMOD>).
func (d *Destination) create(ctx context.Context, c creation, open func(a wire.Attributes) (opened bool, err error)) error {
	a := wire.Attributes{Flags: wire.HasMode, Mode: c.permissions & 0o7777}
	if d.server.noModes.Load() {
		a = wire.Attributes{}
	}
	opened, err := open(a)
	if _, refused := session.Refusal(err); opened || !refused {
		return err
	}
	there, free := append([]string{above(c.remote)}, c.there...), []string{c.remote}
	if !c.fresh {
		free = nil
	}
	err = d.explain(ctx, err, there, free)
	code, _ := session.Refusal(err)
	if denied := session.Unspecific(err) || code == wire.StatusPermission || code == wire.StatusUnsupported; !denied || a.Flags == 0 {
		return err
	}
	if c.fresh {
		d.discard(ctx, c.remote) // such a server may have made it before it refused
	}
	if opened, openErr := open(wire.Attributes{}); openErr != nil {
		if opened {
			return openErr
		}
		return err
	}
	d.server.noModes.Store(true)
	d.options.Log.Warn("the server lets nobody choose the permissions of new files", "host", d.settings.Address())
	return nil
}

// discard removes an empty file.
func (d *Destination) discard(ctx context.Context, remote string) {
	_ = d.doOnce(ctx, func(s *pool.Session) error {
		a, err := s.Attributes(ctx, wire.Lstat, remote)
		if err != nil || a.Mode&backup.ModeType != backup.ModeRegular || a.Size != 0 {
			return err
		}
		return s.DoStatus(ctx, func(b []byte, id uint32) []byte { return wire.AppendString(b, wire.Remove, id, remote) })
	})
}

// Mkdir implements dest.Creator.
func (d *Destination) Mkdir(ctx context.Context, p string, permissions uint32) error {
	remote, err := d.remote(p)
	if err != nil {
		return err
	}
	made := creation{remote: remote, permissions: permissions, fresh: true}
	err = d.create(ctx, made, func(a wire.Attributes) (opened bool, err error) {
		return false, d.doOnce(ctx, func(s *pool.Session) error {
			return s.DoStatus(ctx, func(b []byte, id uint32) []byte { return wire.AppendAttributes(b, wire.MkDir, id, remote, a) })
		})
	})
	if err != nil {
		return d.fail("make directory", p, err)
	}
	return nil
}

// SetAttributes implements dest.Creator. It may be asked twice without harm, and so it is.
func (d *Destination) SetAttributes(ctx context.Context, p string, set dest.Attributes) error {
	remote, err := d.remote(p)
	if err != nil {
		return err
	}
	a, err := wireAttributes(set)
	if err != nil {
		return d.fail("set attributes of", p, err)
	}
	size := int64(-1)
	err = d.do(ctx, func(s *pool.Session) error {
		setting := s.Send(session.SmallCost, func(b []byte, id uint32) []byte { return wire.AppendAttributes(b, wire.SetStat, id, remote, a) })
		if set.Size == nil {
			return s.Statuses(ctx, []*session.Request{setting})
		}
		look := s.SendString(wire.Lstat, remote)
		if err := s.Statuses(ctx, []*session.Request{setting}); err != nil {
			s.Leave(look, nil)
			return err
		}
		reply, err := s.Wait(ctx, look, nil)
		if err != nil {
			return err
		}
		is, err := session.AttributesOf(reply)
		size = is.Size
		return err
	})
	if _, refused := session.Refusal(err); set.Size != nil && (refused || err == nil && size != *set.Size) {
		err = d.resize(ctx, remote, a, err)
	}
	if err != nil {
		return d.absent(ctx, "set attributes of", p, remote, err)
	}
	return nil
}

// resize sets attributes where the server does not set a size, or says that it did and does not (wolfSSH, SFTPGo 1): a file
// grows by being written to at its end, and is not shortened. refused is what the server said.
func (d *Destination) resize(ctx context.Context, remote string, a wire.Attributes, refused error) error {
	var is wire.Attributes
	look := func(s *pool.Session) (err error) {
		is, err = s.Attributes(ctx, wire.Lstat, remote)
		return err
	}
	if err := d.do(ctx, look); err != nil {
		return err
	}
	if is.Size < a.Size {
		err := d.doHandle(ctx, pool.Opening{}, func(s *pool.Session) error { return s.WriteLastByte(ctx, remote, a.Size) })
		if err == nil {
			err = d.do(ctx, look)
		}
		if err != nil {
			return err
		}
	}
	if is.Size != a.Size {
		return errors.Join(refused, fmt.Errorf("a size of %d bytes, not %d: %w", a.Size, is.Size, errors.ErrUnsupported))
	}
	a.Flags &^= wire.HasSize
	if a.Flags == 0 {
		return nil
	}
	return d.do(ctx, func(s *pool.Session) error { return s.SetPath(ctx, remote, a) })
}

func wireAttributes(set dest.Attributes) (a wire.Attributes, err error) {
	if set.Permissions != nil {
		a.Flags, a.Mode = a.Flags|wire.HasMode, *set.Permissions&0o7777
	}
	if set.Size != nil {
		a.Flags, a.Size = a.Flags|wire.HasSize, *set.Size
	}
	if set.MTime != nil {
		if *set.MTime < 0 || *set.MTime > math.MaxUint32 {
			return a, fmt.Errorf("time %d: %w", *set.MTime, fs.ErrInvalid)
		}
		a.Flags, a.MTime = a.Flags|wire.HasTimes, uint32(*set.MTime)
	}
	return a, nil
}
