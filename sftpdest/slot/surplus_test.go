package slot

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
)

// left are the numbers of the complete slots, the newest one first.
func (a *account) left(d dest.ReadWriter, o Options) (numbers []int) {
	a.t.Helper()
	slots, err := List(a.t.Context(), d, o.Directory)
	a.check(err)
	for i := range slots {
		if slots[i].Complete() {
			numbers = append(numbers, slots[i].State.Slot)
		} else {
			a.t.Errorf("%s is %s, %v", slots[i].Path, slots[i].State.Phase, slots[i].Err)
		}
	}
	return numbers
}

// size is what all files below dir have. It needs m.mu.
func (m *memory) size(n *node) (sum int) {
	for _, child := range n.children {
		sum += m.size(child)
	}
	return sum + len(n.data)
}

func TestSurplusSlotsMakeRoomForTheBackupThatHasNone(t *testing.T) {
	a, m := newAccount(t), newMemory()
	big := strings.Repeat("x", 100_000)
	o := options(5)
	for n := range 4 {
		a.file("big", big, n)
		a.mustRun(m, o)
	}
	a.file("big", big[1:], 9)
	o.Policy.Last = 2
	m.hear = func(op, _ string) error {
		if op == "write" && m.size(m.root) > 420_000 {
			return syscall.ENOSPC
		}
		return nil
	}
	sum := a.mustRun(m, o)
	if got := a.left(m, o); !slices.Equal(got, []int{sum.Slot, 4}) {
		t.Errorf("slot %d was written, there are %v", sum.Slot, got)
	}
	a.holdsAll(m, o, 2, sum.Slot)
}

// Without a free byte a lease cannot say who holds it, and it need not.
func TestSurplusSlotsMakeRoomWhereNotOneByteIsFree(t *testing.T) {
	a, m := newAccount(t), newMemory()
	o := options(5)
	for n := range 4 {
		a.file("big", strings.Repeat("x", 100_000), n)
		a.mustRun(m, o)
	}
	full := m.size(m.root)
	a.file("big", strings.Repeat("y", 100_000), 9)
	o.Policy.Last = 2
	refused := 0
	m.hear = func(op, p string) error {
		if op == "write" && m.size(m.root) >= full {
			if strings.Contains(p, "/lease.") {
				refused++
			}
			return syscall.ENOSPC
		}
		return nil
	}
	sum := a.mustRun(m, o)
	if got := a.left(m, o); refused != 1 || !slices.Equal(got, []int{sum.Slot, 4}) {
		t.Errorf("%d leases were refused, slot %d was written, there are %v", refused, sum.Slot, got)
	}
	a.holdsAll(m, o, 2, sum.Slot)
}

func TestNameThatCannotBeDeletedIsLeftAndTold(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.edit(1)
	a.file("stuck/in/here", "immutable", 30)
	a.file("goes", "deleted", 31)
	o := options(1)
	a.mustRun(m, o)
	a.mustRun(m, o)
	a.gone("stuck")
	a.gone("goes")
	m.hear = func(op, p string) error {
		switch {
		case op == "remove" && strings.HasSuffix(p, "/stuck/in/here"):
			return fs.ErrPermission
		case op == "rmdir" && strings.Contains(p, "/stuck"):
			return syscall.ENOTEMPTY
		}
		return nil
	}
	sum := a.mustRun(m, o)
	if len(sum.Left) != 1 || sum.Left[0].Path != "stuck/in/here" || sum.Deleted != 1 {
		t.Errorf("left %v, %d deleted", sum.Left, sum.Deleted)
	}
	data := state.Path(o.Directory, sum.Slot) + "/data/"
	if _, err := m.find(data + "goes"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("goes is there: %v", err)
	}
	slots, err := List(t.Context(), m, o.Directory)
	a.check(err)
	says, err := claimed(t.Context(), m, &slots[0])
	a.check(err)
	if _, ok := says["stuck/in/here"]; ok || !slots[0].Complete() {
		t.Errorf("the backup has what is gone, or is none: %+v", slots[0])
	}
	a.triedAgainUntilItGoes(m, o)
}

// triedAgainUntilItGoes runs until each slot was written twice with a name in it that cannot be deleted, and then without.
func (a *account) triedAgainUntilItGoes(m *memory, o Options) {
	a.t.Helper()
	for n := range 4 {
		if sum := a.mustRun(m, o); len(sum.Left) != 1 {
			a.t.Errorf("run %d tells of %v", n, sum.Left)
		}
	}
	slots, err := List(a.t.Context(), m, o.Directory)
	a.check(err)
	for i := range slots {
		found, err := Verify(a.t.Context(), m, o.Directory, slots[i].State.Slot, VerifyOptions{Sample: 1, Repair: true})
		if err != nil || slots[i].State.Extra != 1 || len(found) == 0 || !found[0].Extra {
			a.t.Errorf("slot %d has %d extra names, %v, %v", slots[i].State.Slot, slots[i].State.Extra, found, err)
		}
	}
	m.hear = nil
	for range 2 {
		sum := a.mustRun(m, o)
		if _, err := m.find(state.Path(o.Directory, sum.Slot) + "/data/stuck"); len(sum.Left) != 0 || !errors.Is(err, fs.ErrNotExist) {
			a.t.Errorf("slot %d: left %v, stuck: %v", sum.Slot, sum.Left, err)
		}
	}
	if slots, err = List(a.t.Context(), m, o.Directory); err != nil || slots[0].State.Extra != 0 || !slots[1].Complete() {
		a.t.Errorf("%+v, %v", slots, err)
	}
}

func TestLackOfRoomTakesNoSlotThatHasAPlace(t *testing.T) {
	a, m := newAccount(t), newMemory()
	o := options(3)
	for n := range 3 {
		a.file("big", strings.Repeat("x", 10_000+n), n)
		a.mustRun(m, o)
	}
	a.file("big", strings.Repeat("x", 10_005), 9)
	m.hear = func(op, _ string) error {
		if op == "write" && m.size(m.root) > 35_000 {
			return syscall.ENOSPC
		}
		return nil
	}
	for range 3 {
		if _, err := a.run(t.Context(), m, o); !errors.Is(err, store.ErrFull) {
			t.Fatalf("%v, want store.ErrFull", err)
		}
		complete := 0
		slots, err := List(t.Context(), m, o.Directory)
		a.check(err)
		for i := range slots {
			if slots[i].Complete() {
				complete++
			}
		}
		if complete < 2 {
			t.Fatalf("%d complete slots are left", complete)
		}
	}
}

func TestDeletedSlotIsGoneWhereverItWasInterrupted(t *testing.T) {
	a, before := newAccount(t), newMemory()
	o := options(3)
	for n := 1; n <= 3; n++ {
		a.edit(n)
		a.mustRun(before, o)
	}
	directory := o.Directory
	whole := before.clone()
	a.check(Delete(t.Context(), whole, directory, 2, DeleteOptions{}))
	if got := a.left(whole, o); !slices.Equal(got, []int{3, 1}) {
		t.Errorf("left: %v", got)
	}
	for k := 1; k < whole.ops; k += 7 {
		m := before.clone()
		m.killAt = k
		err := Delete(t.Context(), m, directory, 2, DeleteOptions{})
		m.dead, m.killAt, m.now = false, 0, m.now+3600
		slots, listErr := List(t.Context(), m, directory)
		a.check(listErr)
		for i := range slots {
			s := &slots[i]
			if s.State.Slot != 2 && !s.Complete() {
				t.Fatalf("killed at %d (%v): %s is %s, %v", k, err, s.Path, s.State.Phase, s.Err)
			}
			if s.State.Slot == 2 && s.Complete() {
				if has, err := inSlot(t.Context(), m, s.Path); err != nil || len(has) == 0 {
					t.Fatalf("killed at %d: it is called complete and has %d entries, %v", k, len(has), err)
				}
				says, err := claimed(t.Context(), m, s)
				a.check(err)
				has, _ := inSlot(t.Context(), m, s.Path)
				if d := differences(has, says); d != nil {
					t.Fatalf("killed at %d: it is called complete: %v", k, d)
				}
			}
		}
		sum := a.mustRun(m, o)
		a.holdsAll(m, o, len(a.left(m, o)), sum.Slot)
	}
}

func TestSlotThatIsPinnedReadOrTheLastOneIsNotDeleted(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.edit(1)
	o := options(3)
	a.mustRun(m, o)
	if err := Delete(t.Context(), m, o.Directory, 1, DeleteOptions{}); !errors.Is(err, ErrLastBackup) {
		t.Errorf("%v, want ErrLastBackup", err)
	}
	a.mustRun(m, o)
	release, err := Hold(t.Context(), m, o.Directory, 1)
	a.check(err)
	if err := Delete(t.Context(), m, o.Directory, 1, DeleteOptions{}); !errors.Is(err, lease.ErrBusy) {
		t.Errorf("%v, want lease.ErrBusy", err)
	}
	a.check(release(t.Context()))
	a.check(Pin(t.Context(), m, o.Directory, 1, true, Owner{}))
	if err := Delete(t.Context(), m, o.Directory, 1, DeleteOptions{}); !errors.Is(err, ErrPinned) {
		t.Errorf("%v, want ErrPinned", err)
	}
	a.check(Pin(t.Context(), m, o.Directory, 1, false, Owner{}))
	a.check(Delete(t.Context(), m, o.Directory, 1, DeleteOptions{}))
	a.check(Delete(t.Context(), m, o.Directory, 2, DeleteOptions{Last: true}))
	if got := a.left(m, o); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestSlotsOfAnotherMachineAreLeftAlone(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	o.Machine, o.Host = "", "one" // an older version
	a.mustRun(m, o)
	o.Machine = "id of one"
	a.mustRun(m, o)
	other := o
	other.Machine, other.Host = "id of two", "two"
	before := m.size(m.root)
	for _, dry := range []bool{true, false} {
		other.DryRun = dry
		if _, err := a.run(t.Context(), m, other); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), `"one"`) {
			t.Errorf("%v, want ErrForeign with the name of its host", err)
		}
	}
	if err := Delete(t.Context(), m, o.Directory, 1, DeleteOptions{Machine: other.Machine}); !errors.Is(err, ErrForeign) {
		t.Errorf("delete: %v, want ErrForeign", err)
	}
	if err := Pin(t.Context(), m, o.Directory, 1, true, Owner{Machine: other.Machine}); !errors.Is(err, ErrForeign) {
		t.Errorf("pin: %v, want ErrForeign", err)
	}
	told := false
	found, err := Verify(t.Context(), m, o.Directory, 1, VerifyOptions{
		Sample: 1, Repair: true, Machine: other.Machine, Foreign: func(err error) { told = errors.Is(err, ErrForeign) },
	})
	if err != nil || len(found) > 0 || !told {
		t.Errorf("verify: %v, %v, told %v", found, err, told)
	}
	if after := m.size(m.root); after != before || len(a.left(m, o)) != 2 {
		t.Errorf("%d bytes on the server, %d before", after, before)
	}
	other.Adopt = true
	a.mustRun(m, other)
	other.Adopt = false
	a.mustRun(m, other)
	if _, err := a.run(t.Context(), m, o); !errors.Is(err, ErrForeign) {
		t.Errorf("the machine that had them: %v, want ErrForeign", err)
	}
	clone := other
	clone.Host = "three" // older states are known by the host's name alone
	clone.Machine = "id of three"
	if _, err := a.run(t.Context(), m, clone); !errors.Is(err, ErrForeign) {
		t.Errorf("%v, want ErrForeign", err)
	}
}
