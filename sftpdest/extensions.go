package sftpdest

import (
	"context"
	"errors"
	"math"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

var (
	_ dest.Linker      = (*Destination)(nil)
	_ dest.Symlinker   = (*Destination)(nil)
	_ dest.Copier      = (*Destination)(nil)
	_ dest.RangeCopier = (*Destination)(nil)
	_ dest.FileWriter  = (*Destination)(nil)
	_ dest.StatFS      = (*Destination)(nil)
)

// Link implements dest.Linker.
func (d *Destination) Link(ctx context.Context, from, to string) error {
	old, err := d.remote(from)
	if err != nil {
		return err
	}
	name, err := d.remote(to)
	if err != nil {
		return err
	}
	err = d.doOnce(ctx, func(s *pool.Session) error {
		if !s.Offers(wire.HardLinkExtension) {
			return errors.ErrUnsupported
		}
		return s.DoStatus(ctx, func(b []byte, id uint32) []byte { return wire.AppendHardLink(b, id, old, name) })
	})
	if err != nil {
		return d.fail("link", to, d.explain(ctx, err, []string{old, above(name)}, []string{name}))
	}
	return nil
}

// Symlink implements dest.Symlinker. OpenSSH takes target and path in the other order than the draft, and most servers
// do as OpenSSH does.
func (d *Destination) Symlink(ctx context.Context, target, p string) error {
	name, err := d.remote(p)
	if err != nil {
		return err
	}
	err = d.doOnce(ctx, func(s *pool.Session) error {
		return s.DoStatus(ctx, func(b []byte, id uint32) []byte { return wire.AppendStrings(b, wire.SymLink, id, target, name) })
	})
	if err != nil {
		return d.taken(ctx, "make link", p, name, err)
	}
	return nil
}

// Space implements dest.StatFS.
func (d *Destination) Space(ctx context.Context, p string) (dest.Space, error) {
	v, err := d.Volume(ctx, p)
	if err != nil {
		return dest.Space{}, d.fail("measure", p, err)
	}
	space := dest.Space{Bytes: math.MaxInt64, Files: -1}
	if v.Fragment == 0 || v.Available <= math.MaxInt64/v.Fragment {
		space.Bytes = int64(v.Available * v.Fragment)
	}
	// As df(1) counts: what is kept for root is nobody's.
	if usable := v.Blocks - v.Free + v.Available; v.Fragment != 0 && v.Free <= v.Blocks && usable <= math.MaxInt64/v.Fragment {
		space.Size = int64(usable * v.Fragment)
	}
	if v.Files > 0 { // btrfs and others have no fixed number
		space.Files = int64(min(v.FreeFiles, math.MaxInt64))
	}
	return space, nil
}

// Volume tells about the file system at p.
func (d *Destination) Volume(ctx context.Context, p string) (v wire.Volume, err error) {
	remote, err := d.remote(p)
	if err != nil {
		return v, err
	}
	err = d.do(ctx, func(s *pool.Session) error {
		if !s.Offers(wire.StatVFSExtension) {
			return errors.ErrUnsupported
		}
		reply, err := s.Wait(ctx, s.Send(session.SmallCost, func(b []byte, id uint32) []byte {
			return wire.AppendStrings(b, wire.Extended, id, wire.StatVFSExtension, remote)
		}), nil)
		if err != nil {
			return err
		}
		if reply.Type != wire.ExtReply {
			return session.Unexpected(reply)
		}
		v, err = wire.VolumeOf(reply.Body)
		return err
	})
	return v, err
}

// newMode are the permissions of a new file that gets the attributes a.
func newMode(a wire.Attributes) uint32 {
	if a.Flags&wire.HasMode != 0 {
		return a.Mode & 0o777
	}
	return 0o600
}

// Put implements dest.FileWriter: two round trips where the server keeps the order of requests.
func (d *Destination) Put(ctx context.Context, p string, content []byte, set dest.Attributes, sync bool) (synced bool, err error) {
	remote, err := d.remote(p)
	if err != nil {
		return false, err
	}
	a, err := wireAttributes(set)
	if err != nil {
		return false, d.fail("put", p, err)
	}
	made := creation{remote: remote, permissions: newMode(a), fresh: true}
	err = d.create(ctx, made, func(made wire.Attributes) (opened bool, err error) {
		err = d.doHandleOnce(ctx, pool.Opening{}, func(s *pool.Session) error {
			handle, err := s.OpenHandle(ctx, remote, session.NewFile, made)
			opened = err == nil
			if opened {
				synced, err = s.Put(ctx, handle, remote, content, a, sync)
			}
			return err
		})
		return opened, err
	})
	if err != nil {
		return false, d.fail("put", p, err)
	}
	return synced, nil
}

// Copy implements dest.Copier.
func (d *Destination) Copy(ctx context.Context, from, to string, size int64, set dest.Attributes, sync bool) (synced bool, err error) {
	return d.CopyRanges(ctx, from, to, size, []dest.Range{{Length: size}}, set, sync)
}

// CopyRanges implements dest.RangeCopier.
func (d *Destination) CopyRanges(ctx context.Context, from, to string, size int64, ranges []dest.Range, set dest.Attributes, sync bool) (synced bool, err error) {
	old, err := d.remote(from)
	if err != nil {
		return false, err
	}
	name, err := d.remote(to)
	if err != nil {
		return false, err
	}
	a, err := wireAttributes(set)
	if err != nil {
		return false, d.fail("copy", to, err)
	}
	made := creation{remote: name, permissions: newMode(a), fresh: true, there: []string{old}}
	err = d.create(ctx, made, func(made wire.Attributes) (opened bool, err error) {
		err = d.doHandleOnce(ctx, pool.Opening{}, func(s *pool.Session) error {
			if !s.Offers(wire.CopyDataExtension) || !d.pool.AddHandle(s) { // it takes two
				return errors.ErrUnsupported
			}
			defer d.pool.FreeHandle(s)
			source, target, err := s.OpenPair(ctx, old, name, made)
			opened = err == nil
			if opened {
				synced, err = s.Copy(ctx, session.CopyPlan{Source: source, Target: target, To: name, Size: size, Ranges: ranges}, a, sync)
			}
			return err
		})
		return opened, err
	})
	if err != nil {
		return false, d.fail("copy", to, err)
	}
	return synced, nil
}
