package store

import (
	"context"
	"sync/atomic"
)

// Fence is what makes sure that the account still belongs to this run.
type Fence interface {
	// Current fails if it does not.
	Current(ctx context.Context) error
}

// fenced looks, before a name is moved or removed, whether the account still belongs to this run.
type fenced struct {
	server
	fence atomic.Pointer[Fence] // nil: no lease is held yet
}

// SetFence is called once, when the lease is held.
func (s *Store) SetFence(f Fence) { s.fence.fence.Store(&f) }

func (f *fenced) current(ctx context.Context) error {
	fence := f.fence.Load()
	if fence == nil {
		return nil
	}
	return (*fence).Current(ctx)
}

func (f *fenced) Rename(ctx context.Context, from, to string) error {
	if err := f.current(ctx); err != nil {
		return err
	}
	return f.server.Rename(ctx, from, to)
}

func (f *fenced) Install(ctx context.Context, from, to string) (bool, error) {
	if err := f.current(ctx); err != nil {
		return false, err
	}
	return f.server.Install(ctx, from, to)
}

func (f *fenced) Remove(ctx context.Context, p string) error {
	if err := f.current(ctx); err != nil {
		return err
	}
	return f.server.Remove(ctx, p)
}

func (f *fenced) RemoveDir(ctx context.Context, p string) error {
	if err := f.current(ctx); err != nil {
		return err
	}
	return f.server.RemoveDir(ctx, p)
}
