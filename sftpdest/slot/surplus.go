package slot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/retention"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
)

// surplus reports whether retire may find something, when slots were there before the run and written is one of at most most now.
func surplus(slots []Slot, written string, most int) bool {
	complete := 1
	for i := range slots {
		switch s := &slots[i]; {
		case s.Path == written:
		case s.Complete():
			complete++
		case s.State.Phase == manifest.Deleting:
			return true
		}
	}
	return complete > most
}

// retire removes what the policy has no place for, and what is left of slots that are being removed.
func (r *rotation) retire(ctx context.Context) error {
	slots, err := List(ctx, r, r.o.Directory)
	if err != nil {
		return err
	}
	for i := range slots {
		if slots[i].Err == nil && slots[i].State.Phase == manifest.Deleting {
			if err := r.removeSlot(ctx, slots[i].Path); err != nil {
				return err
			}
		}
	}
	for all := facts(slots, r.o.Now().Location()); ; {
		if removed, err := r.removeLeastNeeded(ctx, slots, all, r.o.Policy.Slots()); !removed {
			return err
		}
	}
}

// removeLeastNeeded removes one slot if more than most are complete: the one that the policy needs least and nobody reads. In all,
// which are the facts of slots, it is complete no longer.
func (r *rotation) removeLeastNeeded(ctx context.Context, slots []Slot, all []retention.Slot, most int) (removed bool, err error) {
	for {
		least, ok := r.o.Policy.Surplus(all, most)
		if !ok {
			return false, nil
		}
		i := slices.IndexFunc(all, func(s retention.Slot) bool { return s.Number == least.Number })
		condemned, err := r.markDeleting(ctx, &slots[i])
		if err != nil {
			return false, err
		}
		if condemned {
			all[i].Condition = retention.Deleting
			return true, r.removeSlot(ctx, slots[i].Path)
		}
		all[i].Held = true
	}
}

// madeRoom reports whether a run that failed with failure, for lack of room, may do better now: a slot was removed that the
// retention has no place for. The slot that is being written has a place; all others but that one stay complete.
func (r *rotation) madeRoom(ctx context.Context, failure error) bool {
	if failure == nil || ctx.Err() != nil || !errors.Is(full(ctx, r.Store, r.o.Directory, failure), store.ErrFull) {
		return false
	}
	freed, err := r.removeSurplus(ctx)
	if err != nil {
		r.o.Log.Warn("make room", "directory", r.o.Directory, "error", err)
	}
	return freed
}

// removeSurplus removes one slot that the policy has no place for, or what is left of one.
func (r *rotation) removeSurplus(ctx context.Context) (removed bool, err error) {
	slots, err := List(ctx, r, r.o.Directory)
	if err != nil {
		return false, err
	}
	most := r.o.Policy.Slots()
	for i := range slots {
		s := &slots[i]
		if s.Err == nil && s.State.Phase == manifest.Deleting {
			return true, r.removeSlot(ctx, s.Path)
		}
		if !s.Complete() {
			most = r.o.Policy.Slots() - 1 // this one has a place
		}
	}
	return r.removeLeastNeeded(ctx, slots, facts(slots, r.o.Now().Location()), most)
}

// markDeleting marks a slot for deletion unless somebody reads it. Where there is no room for the mark its state is removed: what
// has none is no backup either.
func (r *rotation) markDeleting(ctx context.Context, s *Slot) (bool, error) {
	held, err := r.held(ctx, s.Path)
	if err != nil || held {
		return false, err
	}
	s.State.Phase = manifest.Deleting
	text, err := s.State.Encode()
	if err != nil {
		return false, err
	}
	r.o.Log.Info("remove slot", "slot", s.Path, "gen", s.State.Gen)
	err = r.Temps(s.Path).Replace(ctx, manifest.StateName, text)
	if errors.Is(full(ctx, r.Store, r.o.Directory, err), store.ErrFull) {
		for _, name := range []string{manifest.PriorStateName, manifest.StateName} {
			if err = r.Remove(ctx, s.Path+"/"+name); err != nil {
				return false, err
			}
		}
		err = r.SyncDir(ctx, s.Path)
	}
	return err == nil, err
}

// removeSlot removes a slot. Its state goes last: it says what this is.
func (r *rotation) removeSlot(ctx context.Context, slot string) error {
	inside := []string{slot + "/data", slot + "/archive", slot + "/meta"}
	remove := func(ctx context.Context, dir string) error { return store.RemoveTree(ctx, r, dir) }
	if err := parallel.Each(ctx, len(inside), inside, remove); err != nil {
		return err
	}
	return remove(ctx, slot)
}

var (
	// ErrPinned says that a slot is pinned.
	ErrPinned = errors.New("the slot is pinned")
	// ErrLastBackup says that an account would have no complete backup left.
	ErrLastBackup = errors.New("it is the only complete backup of the account")
)

// DeleteOptions say what may be deleted.
type DeleteOptions struct {
	Last    bool   // also the only complete backup
	Machine string // as in Options
	Adopt   bool   // also slots of another machine
}

// Delete removes a slot. One that is pinned or being read stays, with an error. A slot that is half removed is no backup, and
// goes with the next run.
func Delete(ctx context.Context, d dest.ReadWriter, directory string, slot int, del DeleteOptions) error {
	r, err := rotationIn(d, directory, Owner{Machine: del.Machine, Adopt: del.Adopt})
	if err == nil {
		err = r.underLease(ctx, slot, func(slots []Slot, s *Slot) error { return r.remove(ctx, slots, s, del.Last) })
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", state.Path(directory, slot), err)
	}
	return nil
}

// remove removes one of the slots; last says that it may be the last that is complete.
func (r *rotation) remove(ctx context.Context, slots []Slot, s *Slot, last bool) error {
	others := 0
	for i := range slots {
		if slots[i].Complete() && slots[i].Path != s.Path {
			others++
		}
	}
	switch {
	case s.State.Pinned:
		return ErrPinned
	case s.Complete() && others == 0 && !last:
		return ErrLastBackup
	case s.State.Phase != "" && s.State.Phase != manifest.Deleting:
		if condemned, err := r.markDeleting(ctx, s); err != nil {
			return err
		} else if !condemned {
			return fmt.Errorf("it is being read: %w", lease.ErrBusy)
		}
	}
	return r.removeSlot(ctx, s.Path)
}
