package sftpdest

import (
	"context"

	"slotfs/sftpdest/pool"
)

// doHandle is do for what opens a handle.
func (d *Destination) doHandle(ctx context.Context, how pool.Opening, f func(s *pool.Session) error) error {
	return d.repeat(ctx, func(func()) error { return d.withHandle(ctx, how, f) })
}

// doHandleOnce is doHandle for what must not be asked twice.
func (d *Destination) doHandleOnce(ctx context.Context, how pool.Opening, f func(s *pool.Session) error) error {
	return d.once(d.withHandle(ctx, how, f))
}

// withHandle runs f in a session where one more handle may be open.
func (d *Destination) withHandle(ctx context.Context, how pool.Opening, f func(s *pool.Session) error) error {
	var last *pool.Session
	err := d.pool.WithHandle(ctx, how, func(s *pool.Session) error {
		last = s
		return f(s)
	})
	if last == nil {
		return err
	}
	return d.drop(last, err)
}
