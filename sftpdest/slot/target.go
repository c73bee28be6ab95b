package slot

import (
	"context"
	"fmt"
	"io/fs"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
)

// nextState is the state that a slot gets before anything changes in it.
func nextState(s *store.Store, o *Options, due *Slot, slots []Slot, traits manifest.Traits) manifest.State {
	old, newest := &due.State, uint64(0)
	for i := range slots {
		newest = max(newest, slots[i].State.Gen)
	}
	next := manifest.State{
		Slot: old.Slot, Gen: newest + 1, Phase: manifest.Updating, Mode: o.Mode, Run: s.Run,
		Epoch: old.Epoch + 1, Started: o.Now(), BaseGen: old.Gen, Manifest: old.Manifest, Finished: old.Finished,
		Durability: s.Durability(), Host: o.Host, Machine: o.Machine, Account: o.Account, Job: o.Job, Tool: o.Tool, Pinned: old.Pinned,
		Traits: traits,
		// What is there beyond the manifest is only known to the server.
		Suspect: o.Mode == manifest.Incremental && (old.Phase == manifest.Damaged || old.Suspect),
	}
	if old.Mode != o.Mode {
		next.Manifest = nil // it tells nothing of what will be there
	}
	if next.Manifest == nil {
		next.Phase = manifest.Filling
	}
	if interrupted(due) {
		next.BaseGen = old.BaseGen
		if old.Gen == newest {
			next.Gen = old.Gen
		}
	}
	return next
}

// interrupted reports whether a run that was writing a slot did not end.
func interrupted(due *Slot) bool {
	return due.Err == nil && (due.State.Phase == manifest.Filling || due.State.Phase == manifest.Updating)
}

// newPlanner is one that knows what the state of a slot says of what is there. In a new slot there is nothing. The names that clash are learned where the server
// folds case.
func newPlanner(due *Slot, next *manifest.State, isNew bool) plan.Planner {
	p := plan.New()
	p.Traits, p.Suspect = next.Traits, next.Suspect
	p.Resumed = interrupted(due) || due.State.Phase == manifest.Damaged || due.Err != nil && due.State.Phase != ""
	p.Untimed = due.State.Times == manifest.NoTimes // files that are kept have the times that they got
	p.Listed = p.Resumed || due.State.Extra > 0 || due.State.Durability == "none" || due.Err != nil && !isNew
	if p.Traits.Has(manifest.FoldsCase) {
		p.Clashes = plan.NewClashes()
	}
	return p
}

// base is the manifest of the slot's last backup, if it can be trusted.
func base(o *Options, due *Slot, suspect bool) *manifest.File {
	old := &due.State
	if old.Mode == o.Mode && (old.Phase != manifest.Damaged || suspect) && due.Err == nil {
		return old.Manifest
	}
	return nil
}

// findTraits learns what the server does to names: from the newest slot that tells it, else by trying.
func findTraits(ctx context.Context, o *Options, slots []Slot) (manifest.Traits, error) {
	if o.Mode == manifest.Compressed {
		return nil, nil // names in an archive are safe
	}
	for i := range slots {
		if known := slots[i].State.Traits; len(known) > 0 {
			return known, nil
		}
	}
	if o.Traits == nil || o.DryRun {
		return nil, nil
	}
	traits, err := o.Traits(ctx)
	if err != nil {
		return nil, fmt.Errorf("try names on the server: %w", err)
	}
	return traits, nil
}

// putState uploads a state to a temporary name in its slot.
func putState(ctx context.Context, s *store.Store, slot string, next *manifest.State) (temp string, err error) {
	text, err := next.Encode()
	if err != nil {
		return "", err
	}
	temp, _, err = s.Temps(slot).Put(ctx, text, dest.Attributes{})
	return temp, err
}

// verifyOwnership makes sure that no other run took the slot.
func verifyOwnership(ctx context.Context, s *store.Store, slot string, mine *manifest.State) error {
	text, err := state.Load(ctx, s, slot)
	if err != nil {
		return err
	}
	now, err := manifest.DecodeState(text)
	if err != nil {
		return err
	}
	if now.Run != mine.Run || now.Epoch != mine.Epoch {
		return fmt.Errorf("%s was taken over by run %s: %w", slot, now.Run, lease.ErrBusy)
	}
	return nil
}

// errSlotAppeared says that the directory of a slot was there that was taken for a new one.
var errSlotAppeared = fmt.Errorf("taken for a new slot: %w", fs.ErrExist)
