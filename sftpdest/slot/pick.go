package slot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// errAllKept says that no slot may be overwritten.
var errAllKept = errors.New("every slot is pinned or being read")

// holdPrefix starts the names of files that keep a slot from being overwritten while they are young.
const holdPrefix = "hold."

// HoldTTL is how long a hold lasts that is not made anew, by the server's clock.
const HoldTTL = time.Hour

// places is how many slots a retention has: with one, a spare is written while the other is the backup.
func places(retention int) int { return max(retention, 2) }

// pick chooses the slot that is written. An interrupted one comes first, so that there never is a second one.
func (r *remote) pick(ctx context.Context, slots []Slot, o *Options) (Slot, error) {
	var open, done []Slot
	used := make(map[int]bool)
	for _, s := range slots {
		used[s.State.Slot] = true
		switch {
		case s.Complete():
			done = append(done, s)
		case s.State.Phase != manifest.Deleting:
			open = append(open, s)
		}
	}
	if len(open) > 0 {
		return slices.MinFunc(open, func(a, b Slot) int {
			return cmp.Or(cmp.Compare(urgency(&a), urgency(&b)), cmp.Compare(a.State.Gen, b.State.Gen))
		}), nil
	}
	if len(done) < places(o.Retention) {
		for n := 1; ; n++ {
			if !used[n] {
				return Slot{Path: slotPath(o.Folder, n), State: manifest.State{Slot: n}, Err: fs.ErrNotExist}, nil
			}
		}
	}
	slices.SortFunc(done, func(a, b Slot) int { return cmp.Compare(a.State.Gen, b.State.Gen) })
	for _, s := range done {
		if s.State.Pinned {
			continue
		}
		held, err := r.held(ctx, o.Folder, s.Path)
		if err != nil {
			return Slot{}, err
		}
		if !held {
			return s, nil
		}
		o.Log.Warn("slot is being read", "slot", s.Path)
	}
	return Slot{}, fmt.Errorf("%s: %w", o.Folder, errAllKept)
}

// urgency orders slots that are not complete: one that a run was writing comes before one that was found damaged.
func urgency(s *Slot) int {
	switch s.State.Phase {
	case manifest.Updating, manifest.Filling:
		return 0
	case manifest.Complete, manifest.Damaged:
		return 1
	}
	return 2
}

// held reports whether somebody reads the slot.
func (r *remote) held(ctx context.Context, folder, slot string) (bool, error) {
	list, err := r.list(ctx, slot)
	if err != nil {
		return false, err
	}
	for _, info := range list {
		if !strings.HasPrefix(info.Name, holdPrefix) {
			continue
		}
		now, err := r.serverTime(ctx, folder)
		if err != nil || now-info.MTime <= int64(HoldTTL/time.Second) {
			return err == nil, err
		}
		if err := r.drop(ctx, slot+"/"+info.Name); err != nil {
			return false, err
		}
	}
	return false, nil
}

// Hold keeps runs from overwriting a slot until release is called, or for HoldTTL. It fails with ErrBusy if the slot
// is not complete.
func Hold(ctx context.Context, store Store, folder string, slot int) (release func(context.Context) error, err error) {
	r := newRemote(store, 0)
	s := Slot{Path: slotPath(folder, slot), State: manifest.State{Slot: slot}}
	name := s.Path + "/" + holdPrefix + r.run
	if err := again(ctx, func() error { return missing(r.hold(ctx, name)) }); err != nil {
		return nil, err
	}
	release = func(ctx context.Context) error { return r.drop(ctx, name) }
	// A run that looked before may be about to begin: what it wrote first is seen after.
	if err := s.read(ctx, store); err != nil || !s.Complete() {
		return nil, errors.Join(err, release(ctx), busy(s.Path, err))
	}
	return release, nil
}

func (r *remote) hold(ctx context.Context, name string) error {
	out, err := r.Create(ctx, name, dest.Create{Existing: true})
	if err != nil {
		return err
	}
	return out.Close(ctx)
}
