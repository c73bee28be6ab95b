package slot

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"testing"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/state"
)

// stored is a server with three backups, and what each generation has.
func stored(t *testing.T, o Options) (*account, *memory, history) {
	a, m, past := newAccount(t), newMemory(), history{}
	for n := 1; n <= 3; n++ {
		a.edit(n)
		past[a.mustRun(m, o).Gen] = a.truth()
	}
	return a, m, past
}

// forgotten holds what a forget left that was killed: whole backups, and slots that say that they are being removed.
func forgotten(t *testing.T, m *memory, o Options, past history) error {
	slots, err := List(t.Context(), m, o.Directory)
	if err != nil {
		return err
	}
	for i := range slots {
		s := &slots[i]
		switch {
		case s.Complete():
			err = errors.Join(err, examineSlot(t.Context(), m, s, past[s.State.Gen]))
		case s.State.Phase != manifest.Deleting && !errors.Is(s.Err, fs.ErrNotExist):
			err = errors.Join(err, fmt.Errorf("%s is %s, %v", s.Path, s.State.Phase, s.Err))
		}
	}
	return err
}

func TestForgetLeavesNothingWhereverItWasInterrupted(t *testing.T) {
	for _, c := range []struct{ late, power, plain bool }{{}, {late: true}, {power: true}, {plain: true}, {plain: true, power: true}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			o := options(3)
			a, before, past := stored(t, o)
			before.plain = c.plain
			whole := before.clone()
			gone, err := Forget(t.Context(), whole, o.Directory, Owner{})
			a.check(err)
			if len(gone) != 3 || gone[0].State.Gen != 1 || Room(gone) == 0 {
				t.Errorf("gone are %+v", gone)
			}
			if _, err := whole.find(o.Directory); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the account's directory: %v", err)
			}
			t.Logf("%d operations", whole.ops)
			for k := 1; k <= whole.ops; k += 2 {
				m := before.clone()
				m.killAt, m.late = k, c.late
				_, _ = Forget(t.Context(), m, o.Directory, Owner{}) // killed or not: what lies there tells
				m.dead, m.killAt, m.now = false, 0, m.now+3600
				if c.power {
					m.cut(rnd)
				}
				if err := forgotten(t, m, o, past); err != nil {
					t.Fatalf("killed at %d: %v", k, err)
				}
				run := m.clone()
				if k%3 == 0 { // a run goes on as if nothing had happened
					sum := a.mustRun(run, o)
					after := maps.Clone(past)
					after[sum.Gen] = a.truth()
					written := Slot{Path: state.Path(o.Directory, sum.Slot), State: manifest.State{Slot: sum.Slot}}
					if err := errors.Join(written.Read(t.Context(), run), forgotten(t, run, o, after)); err != nil || !written.Complete() {
						t.Errorf("a run after a kill at %d: slot %d is %s, %v", k, sum.Slot, written.State.Phase, err)
					}
				}
				if _, err = Forget(t.Context(), m, o.Directory, Owner{}); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("after a kill at %d: %v", k, err)
				}
				if _, err := m.find(o.Directory); !errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("after a kill at %d the account's directory is there: %v", k, err)
				}
			}
		})
	}
}

func TestForgetTouchesNothingOfWhatMustStay(t *testing.T) {
	o := options(3)
	o.Machine = "this"
	a, m, past := stored(t, o)
	this := Owner{Machine: "this"}
	a.check(Pin(t.Context(), m, o.Directory, 2, true, this))
	if _, err := Forget(t.Context(), m, o.Directory, this); !errors.Is(err, ErrPinned) {
		t.Errorf("%v, want ErrPinned", err)
	}
	a.check(Pin(t.Context(), m, o.Directory, 2, false, this))
	release, err := Hold(t.Context(), m, o.Directory, 1)
	a.check(err)
	if _, err := Forget(t.Context(), m, o.Directory, this); !errors.Is(err, lease.ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	a.check(release(t.Context()))
	if _, err := Forget(t.Context(), m, o.Directory, Owner{Machine: "that"}); !errors.Is(err, ErrForeign) {
		t.Errorf("%v, want ErrForeign", err)
	}
	if complete, err := examine(t.Context(), m, o.Directory, past, nil); err != nil || complete != 3 {
		t.Errorf("%d backups are left, %v", complete, err)
	}
	if _, err := Forget(t.Context(), m, o.Directory, Owner{Machine: "that", Adopt: true}); err != nil {
		t.Error(err)
	}
}
