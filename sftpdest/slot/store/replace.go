package store

import (
	"context"
	"errors"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// replacing lets renames replace what is there on servers where they do not.
type replacing struct{ server }

func (r replacing) Rename(ctx context.Context, from, to string) error {
	err := r.server.Rename(ctx, from, to)
	if errors.Is(err, errors.ErrUnsupported) {
		return r.swap(ctx, from, to)
	}
	return err
}

func (r replacing) Install(ctx context.Context, from, to string) (bool, error) {
	synced, err := r.server.Install(ctx, from, to)
	if errors.Is(err, errors.ErrUnsupported) {
		err = r.swap(ctx, from, to)
	}
	return synced, err
}

// swap moves from to to where the server replaces nothing: what is there goes first. A run that ends between the two leaves a
// name missing in a slot that is not complete, which the next run lists. A state goes aside instead of away: until the new one
// has its name, readers take the old one (package state).
func (r replacing) swap(ctx context.Context, from, to string) error {
	if manifest.Base(to) != manifest.StateName {
		if err := Missing(r.Remove(ctx, to)); err != nil {
			return err
		}
		return r.server.Rename(ctx, from, to)
	}
	aside := dest.Parent(to) + "/" + manifest.PriorStateName
	if err := Missing(r.Remove(ctx, aside)); err != nil {
		return err
	}
	if err := Missing(r.server.Rename(ctx, to, aside)); err != nil {
		return err
	}
	if err := r.server.Rename(ctx, from, to); err != nil {
		return err
	}
	if err := Retry(ctx, func() error { return r.SyncDir(ctx, dest.Parent(to)) }); err != nil {
		return err
	}
	return Missing(r.Remove(ctx, aside))
}
