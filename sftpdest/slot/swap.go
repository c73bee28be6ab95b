package slot

import (
	"context"
	"errors"
	"io/fs"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// rename moves from to to, and replaces what is there.
func (r *remote) rename(ctx context.Context, from, to string) error {
	err := r.Rename(ctx, from, to)
	if errors.Is(err, errors.ErrUnsupported) {
		return r.swap(ctx, from, to)
	}
	return err
}

// swap moves from to to where the server replaces nothing: what is there goes first. A run that ends between the two leaves a
// name missing in a slot that is not complete, which the next run lists. A state goes aside instead of away: until the new one
// has its name, readers take the old one (loadState).
func (r *remote) swap(ctx context.Context, from, to string) error {
	if baseName(to) != stateName {
		if err := missing(r.Remove(ctx, to)); err != nil {
			return err
		}
		return r.Rename(ctx, from, to)
	}
	aside := dest.Parent(to) + "/" + manifest.PriorStateName
	if err := missing(r.Remove(ctx, aside)); err != nil {
		return err
	}
	if err := missing(r.Rename(ctx, to, aside)); err != nil {
		return err
	}
	if err := r.Rename(ctx, from, to); err != nil {
		return err
	}
	if err := r.syncDir(ctx, dest.Parent(to)); err != nil {
		return err
	}
	return missing(r.Remove(ctx, aside))
}

// loadState reads the state of a slot. Where the server replaces nothing it may stand aside for a moment, or since a run broke.
func loadState(ctx context.Context, store dest.Reader, slot string) (text []byte, err error) {
	for _, name := range []string{stateName, manifest.PriorStateName, stateName} {
		if text, err = load(ctx, store, slot+"/"+name, mostState); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return text, err
}
