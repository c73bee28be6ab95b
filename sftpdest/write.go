package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync/atomic"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

// writeAhead is how many bytes one WriteAt keeps in flight.
const writeAhead = 8 << 20

var (
	_ dest.ReadWriter = (*Destination)(nil)
	_ dest.WriteFile  = (*output)(nil)
)

// Remove implements dest.Mover.
func (d *Destination) Remove(ctx context.Context, p string) error {
	return d.remove(ctx, "remove", wire.Remove, p)
}

// RemoveDir implements dest.Mover.
func (d *Destination) RemoveDir(ctx context.Context, p string) error {
	return d.remove(ctx, "remove directory", wire.RmDir, p)
}

func (d *Destination) remove(ctx context.Context, op string, typ byte, p string) error {
	remote, err := d.remote(p)
	if err != nil {
		return err
	}
	err = d.doOnce(ctx, func(s *pool.Session) error {
		return s.DoStatus(ctx, func(b []byte, id uint32) []byte { return wire.AppendString(b, typ, id, remote) })
	})
	if err != nil {
		return d.absent(ctx, op, p, remote, err)
	}
	return nil
}

// output is a file that is written in the session that opened it: a handle cannot move, and what was written last
// when a session is lost is not known.
type output struct {
	d         *Destination
	path      string
	longLived bool
	s         *pool.Session
	handle    string
	closed    atomic.Bool
}

// WriteAt implements dest.Output.
func (o *output) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if o.closed.Load() {
		return 0, o.d.fail("write", o.path, fs.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return 0, o.d.fail("write", o.path, err)
	}
	if off < 0 || off > math.MaxInt64-int64(len(p)) {
		return 0, o.d.fail("write", o.path, fmt.Errorf("offset %d: %w", off, fs.ErrInvalid))
	}
	n, err := o.write(ctx, p, off)
	if err != nil {
		return n, o.d.fail("write", o.path, o.d.once(err))
	}
	return n, nil
}

// write keeps parts in flight and takes their replies in order: what it returns is written without a gap.
func (o *output) write(ctx context.Context, p []byte, off int64) (int, error) {
	type sent struct {
		n int
		r *session.Request
	}
	var flight []sent
	defer func() {
		for _, f := range flight {
			o.s.Leave(f.r, nil)
		}
	}()
	for asked, done := 0, 0; ; {
		for asked < len(p) && asked-done < writeAhead {
			part := p[asked:min(asked+o.s.WriteSize(), len(p))]
			at := off + int64(asked)
			r := o.s.Send(int64(len(part)), func(b []byte, id uint32) []byte {
				return wire.AppendWrite(b, id, o.handle, at, part)
			})
			flight = append(flight, sent{len(part), r})
			asked += len(part)
		}
		if len(flight) == 0 {
			return done, nil
		}
		first := flight[0]
		flight = flight[1:]
		reply, err := o.s.Wait(ctx, first.r, nil)
		if err == nil {
			err = session.CheckStatus(reply)
		}
		if err != nil {
			return done, o.d.drop(o.s, err)
		}
		done += first.n
	}
}

// Sync implements dest.Output.
func (o *output) Sync(ctx context.Context) error {
	err := ctx.Err()
	switch _, can := o.s.Extensions()[wire.FsyncExtension]; {
	case err != nil:
	case o.closed.Load():
		err = fs.ErrClosed
	case !can:
		err = errors.ErrUnsupported
	default:
		err = o.s.DoStatus(ctx, func(b []byte, id uint32) []byte {
			return wire.AppendStrings(b, wire.Extended, id, wire.FsyncExtension, o.handle)
		})
	}
	if err != nil {
		return o.d.fail("sync", o.path, o.d.once(err))
	}
	return nil
}

// Close implements dest.Output.
func (o *output) Close(ctx context.Context) error {
	if o.closed.Swap(true) {
		return o.d.fail("close", o.path, fs.ErrClosed)
	}
	reply, err := o.s.Ask(ctx, wire.Close, o.handle)
	if o.longLived {
		o.d.pool.EndLongLived()
	}
	o.d.pool.FreeHandle(o.s)
	if err == nil {
		err = session.CheckStatus(reply)
	}
	if err != nil {
		return o.d.fail("close", o.path, o.d.once(err))
	}
	return nil
}
