package slot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/verify"
)

// Verify compares a slot with its manifest: names, types and sizes of all, and the content of a share of the
// files. With Repair it needs the account's lease; slots of another machine are only read then.
func Verify(ctx context.Context, d dest.ReadWriter, dir string, slot int, o VerifyOptions) ([]verify.Difference, error) {
	found, err := verifySlot(ctx, d, dir, slot, o)
	if err != nil {
		return found, fmt.Errorf("verify %s: %w", state.Path(dir, slot), err)
	}
	return found, nil
}

func verifySlot(ctx context.Context, d dest.ReadWriter, dir string, slot int, o VerifyOptions) ([]verify.Difference, error) {
	r, err := rotationIn(d, dir, Owner{Machine: o.Machine})
	if err != nil {
		return nil, err
	}
	s, err := state.One(ctx, r.Store, dir, slot)
	if err != nil {
		return nil, err
	}
	if s.Err == nil && s.State.Phase != manifest.Complete && s.State.Phase != manifest.Damaged {
		return nil, fmt.Errorf("it is %s, not complete: %w", s.State.Phase, ErrBusy)
	}
	found, err := verify.Slot(ctx, r.Store, &s, o.Sample)
	if err != nil || !o.Repair || s.State.Phase == "" {
		return found, err
	}
	var extra int64
	for _, d := range found {
		if d.Extra {
			extra++
		}
	}
	err = r.change(ctx, slot, func(s *manifest.State) {
		s.Extra = extra
		switch {
		case int64(len(found)) > extra:
			s.Phase = manifest.Damaged
		case o.Sample >= 1:
			s.Verified, s.Phase = time.Now(), manifest.Complete
		default:
			s.Verified = time.Now()
		}
	})
	if errors.Is(err, ErrForeign) && o.Foreign != nil {
		o.Foreign(err)
		err = nil
	}
	return found, err
}

// Pin sets or clears the pin of a slot: a pinned one is never overwritten. ErrForeign says that another machine wrote the slots.
func Pin(ctx context.Context, d dest.ReadWriter, dir string, slot int, pinned bool, owner Owner) error {
	r, err := rotationIn(d, dir, owner)
	if err == nil {
		err = r.change(ctx, slot, func(s *manifest.State) { s.Pinned = pinned })
	}
	if err != nil {
		return fmt.Errorf("pin %s: %w", state.Path(dir, slot), err)
	}
	return nil
}

// change changes the state of a slot.
func (r *rotation) change(ctx context.Context, number int, f func(*manifest.State)) error {
	return r.underLease(ctx, number, func(_ []Slot, s *Slot) error {
		if s.Err != nil && !errors.Is(s.Err, state.ErrNotComplete) {
			return s.Err
		}
		return r.writeState(ctx, s, f)
	})
}

// writeState replaces the state of a slot by one that f changed.
func (r *rotation) writeState(ctx context.Context, s *Slot, f func(*manifest.State)) error {
	changed := s.State
	f(&changed)
	changed.Epoch++
	text, err := changed.Encode()
	if err != nil {
		return err
	}
	if err := store.MakeDir(ctx, r, s.Path+"/tmp", 0o700); err != nil {
		return err
	}
	if err := r.Temps(s.Path).Replace(ctx, manifest.StateName, text); err != nil {
		return err
	}
	return r.Temps(s.Path).SweepOwn(ctx)
}

// Hold keeps runs from overwriting a slot until release is called, for HoldTTL, or until this process ends if the run
// is on this machine. It fails with ErrBusy if the slot is not complete.
func Hold(ctx context.Context, d dest.ReadWriter, dir string, slot int) (release func(context.Context) error, err error) {
	s := Slot{Path: state.Path(dir, slot), State: manifest.State{Slot: slot}}
	release, err = lease.Hold(ctx, store.New(d, store.NewBudget(0)), s.Path)
	if err != nil {
		return nil, err
	}
	// A run that looked before may be about to begin: what it wrote first is seen after.
	switch err := s.Read(ctx, d); {
	case err != nil:
		return nil, errors.Join(err, release(ctx))
	case !s.Complete():
		return nil, errors.Join(release(ctx), fmt.Errorf("%s: %w", s.Path, ErrBusy))
	}
	return release, nil
}
