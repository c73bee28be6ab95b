package slot

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/retention"
	"slotfs/sftpdest/slot/state"
)

// ErrAllKept says that no slot may be overwritten.
var ErrAllKept = retention.ErrAllKept

// Policy says how many backups are kept, and of which times.
type Policy = retention.Policy

// Outlook tells which slot the next run takes at a time as far as the states of slots tell, and by slot which rule keeps its backup.
func Outlook(p Policy, slots []Slot, now time.Time) (next retention.Choice, kept map[int]string, err error) {
	all := facts(slots, now.Location())
	next, err = retention.Choose(p, all, now)
	return next, p.Kept(all), err
}

// facts are what counts of slots for the choice.
func facts(slots []Slot, zone *time.Location) []retention.Slot {
	all := make([]retention.Slot, 0, len(slots))
	for i := range slots {
		s := &slots[i]
		all = append(all, retention.Slot{
			Number: s.State.Slot, Gen: s.State.Gen, Time: s.State.Started.In(zone), Condition: condition(s), Pinned: s.State.Pinned,
		})
	}
	return all
}

func condition(s *Slot) retention.Condition {
	switch {
	case s.Complete():
		return retention.Complete
	case s.State.Phase == manifest.Deleting:
		return retention.Deleting
	case s.State.Phase == manifest.Updating, s.State.Phase == manifest.Filling:
		return retention.Interrupted
	case s.State.Phase == manifest.Complete, s.State.Phase == manifest.Damaged:
		return retention.Damaged
	}
	return retention.Unreadable
}

// pick chooses the slot that is written, and says why.
func (r *rotation) pick(ctx context.Context, slots []Slot) (Slot, string, error) {
	now := r.o.Now()
	all := facts(slots, now.Location())
	for {
		c, err := retention.Choose(r.o.Policy, all, now)
		if err != nil {
			return Slot{}, "", fmt.Errorf("%s: %w", r.o.Directory, err)
		}
		if c.New {
			return Slot{Path: state.Path(r.o.Directory, c.Number), State: manifest.State{Slot: c.Number}, Err: fs.ErrNotExist}, c.Reason, nil
		}
		i := slices.IndexFunc(slots, func(s Slot) bool { return s.State.Slot == c.Number })
		if !slots[i].Complete() {
			return slots[i], c.Reason, nil
		}
		held, err := r.held(ctx, slots[i].Path)
		if err != nil || !held {
			return slots[i], c.Reason, err
		}
		r.o.Log.Warn("slot is being read", "slot", slots[i].Path)
		all[i].Held = true
	}
}
