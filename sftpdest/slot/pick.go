package slot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/state"
)

// errAllKept says that no slot may be overwritten.
var errAllKept = errors.New("every slot is pinned or being read")

// places is how many slots a retention has: with one, a spare is written while the other is the backup.
func places(retention int) int { return max(retention, 2) }

// pick chooses the slot that is written. An interrupted one comes first, so that there never is a second one.
func (r *rotation) pick(ctx context.Context, slots []Slot) (Slot, error) {
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
	if len(done) < places(r.o.Retention) {
		for n := 1; ; n++ {
			if !used[n] {
				return Slot{Path: state.Path(r.o.Directory, n), State: manifest.State{Slot: n}, Err: fs.ErrNotExist}, nil
			}
		}
	}
	slices.SortFunc(done, func(a, b Slot) int { return cmp.Compare(a.State.Gen, b.State.Gen) })
	for _, s := range done {
		if s.State.Pinned {
			continue
		}
		held, err := r.held(ctx, s.Path)
		if err != nil {
			return Slot{}, err
		}
		if !held {
			return s, nil
		}
		r.o.Log.Warn("slot is being read", "slot", s.Path)
	}
	return Slot{}, fmt.Errorf("%s: %w", r.o.Directory, errAllKept)
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
