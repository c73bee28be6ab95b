package slot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/state"
)

func TestDryRunChangesNothing(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	a.mustRun(server, o)
	a.edit(2)
	o.DryRun = true
	server.hear = func(op, path string) error {
		switch op {
		case "list", "stat", "open", "read", "readlink":
			return nil
		}
		return fmt.Errorf("a dry run: %s %s", op, path)
	}
	sum := a.mustRun(server, o)
	if sum.Slot != 2 || sum.Uploaded == 0 || sum.Copied == 0 {
		t.Errorf("%+v", sum)
	}
}

func TestPinnedAndHeldSlotsAreNotOverwritten(t *testing.T) {
	a, server := newAccount(t), newMemory()
	o := options(3)
	for n := 1; n <= 3; n++ {
		a.edit(n)
		a.mustRun(server, o)
	}
	a.check(Pin(t.Context(), server, o.Directory, 1, true, Owner{}))
	release, err := Hold(t.Context(), server, o.Directory, 2)
	a.check(err)
	a.edit(4)
	if sum := a.mustRun(server, o); sum.Slot != 3 {
		t.Errorf("slot %d was taken, want 3", sum.Slot)
	}
	a.check(release(t.Context()))
	if sum := a.mustRun(server, o); sum.Slot != 2 {
		t.Errorf("slot %d was taken, want 2", sum.Slot)
	}
	a.check(Pin(t.Context(), server, o.Directory, 1, false, Owner{}))
	if sum := a.mustRun(server, o); sum.Slot != 1 {
		t.Errorf("slot %d was taken, want 1", sum.Slot)
	}
	a.holdsAll(server, o, 3, 1)
	for n := range 3 {
		a.check(Pin(t.Context(), server, o.Directory, n+1, true, Owner{}))
	}
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, ErrAllKept) {
		t.Errorf("%v", err)
	}
}

func TestWhatDeadReadersLeaveKeepsNoSlot(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	a.mustRun(server, o)
	a.mustRun(server, o)
	hold := func() {
		t.Helper()
		_, err := Hold(t.Context(), server, o.Directory, 1)
		a.check(err)
	}
	hold()
	a.edit(2)
	if sum := a.mustRun(server, o); sum.Slot != 2 {
		t.Errorf("slot %d was taken, and 1 is held", sum.Slot)
	}
	o.tune.dead = func(h *lease.Holder) bool { return h.PID == os.Getpid() }
	if sum := a.mustRun(server, o); sum.Slot != 1 {
		t.Errorf("slot %d was taken, and nobody reads 1", sum.Slot)
	}
	o.tune.dead = func(*lease.Holder) bool { return false }
	a.mustRun(server, o)
	hold()
	server.now += int64(lease.HoldTTL/time.Second) + 1
	if sum := a.mustRun(server, o); sum.Slot != 1 {
		t.Errorf("slot %d was taken, and who read 1 was not heard of for long", sum.Slot)
	}
	a.mustRun(server, o)
	hold()
	server.now -= 10 * 365 * 24 * 3600
	if sum := a.mustRun(server, o); sum.Slot != 1 {
		t.Errorf("slot %d was taken, and who read 1 did so before the server's clock was set back", sum.Slot)
	}
	a.holdsAll(server, o, 2, 1)
}

func TestDamageDoesNotSpreadByCopies(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(3)
	a.mustRun(server, o)
	logs, err := server.find("job/alice/slot-01/data/logs")
	a.check(err)
	for _, log := range logs.children {
		log.data = []byte("r" + string(log.data[1:]))
	}
	sum := a.mustRun(server, o)
	if sum.Uploaded == 0 {
		t.Errorf("%+v: nothing was sent", sum)
	}
	has, err := inSlot(t.Context(), server, state.Path(o.Directory, sum.Slot))
	a.check(err)
	if d := differences(has, a.truth()); d != nil {
		t.Errorf("the copy of a damaged slot is damaged: %v", d)
	}
}

func TestASlotOfAClockThatWasAheadIsCopiedNoLongerThanOthers(t *testing.T) {
	now := later()
	for days, want := range map[int]bool{-3650: false, -29: true, 0: true, 1: true, 31: false, 3650: false} {
		at := now.AddDate(0, 0, days)
		if got := young(&manifest.State{Finished: at}, now); got != want {
			t.Errorf("written %d days from now: young %v", days, got)
		}
		if got := young(&manifest.State{Verified: at}, now); got != want {
			t.Errorf("verified %d days from now: young %v", days, got)
		}
	}
}

func TestEachTenthBackupIsNoCopy(t *testing.T) {
	a, server := newAccount(t), newMemory()
	o := options(2)
	for n := 1; n <= 12; n++ {
		if n%2 == 1 {
			a.file("file", fmt.Sprint("since ", n), n)
		}
		sum := a.mustRun(server, o)
		if sum.Gen%2 == 0 && (sum.Copied == 0) != (sum.Gen == 10) {
			t.Errorf("%+v", sum)
		}
	}
	a.holdsAll(server, o, 2, 2)
}

func TestVerifyFindsDamageAndTheNextRunRepairsIt(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	a.mustRun(server, o)
	a.mustRun(server, o)
	damage, err := server.find("job/alice/slot-01/data/mail/\xff\xfe")
	a.check(err)
	damage.data = []byte("not utf-8")
	a.check(server.Remove(t.Context(), "job/alice/slot-01/data/logs/0"))
	all := VerifyOptions{Sample: 1, Repair: true}
	found, err := Verify(t.Context(), server, o.Directory, 1, all)
	a.check(err)
	if len(found) != 2 {
		t.Errorf("%v", found)
	}
	sum := a.mustRun(server, o)
	if sum.Slot != 1 {
		t.Errorf("slot %d was taken, want the damaged one", sum.Slot)
	}
	a.holdsAll(server, o, 2, 1)
	for n := range 2 {
		if found, err := Verify(t.Context(), server, o.Directory, n+1, all); err != nil || found != nil {
			t.Errorf("slot %d: %v, %v", n+1, found, err)
		}
	}
	slots, err := List(t.Context(), server, o.Directory)
	a.check(err)
	if slots[0].State.Verified.IsZero() {
		t.Error("not noted as verified")
	}
}

func TestLoweredRetentionRemovesTheOldest(t *testing.T) {
	a, server := newAccount(t), newMemory()
	o := options(4)
	for n := 1; n <= 4; n++ {
		a.edit(n)
		a.mustRun(server, o)
	}
	o.Policy.Last = 2
	a.edit(5)
	sum := a.mustRun(server, o)
	a.holdsAll(server, o, 2, sum.Slot)
	a.mustRun(server, o)
	a.holdsAll(server, o, 2, 4)
}

func TestCancelledRunEndsAndGoesOnLater(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	o.Lanes = 4
	ctx, cancel := context.WithCancel(t.Context())
	renames := 0
	server.hear = func(op, path string) error {
		if op != "rename" {
			return nil
		}
		if renames++; renames == 3 {
			cancel()
		}
		return nil
	}
	if _, err := a.run(ctx, server, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	server.hear = nil
	a.mustRun(server, o)
	a.holdsAll(server, o, 1, 1)
}

func TestConnectionsThatAreLostNowAndThenDoNotMatter(t *testing.T) {
	for seed := range 8 {
		a, server := newAccount(t), newMemory()
		o := options(2)
		o.Lanes = 4
		n := seed
		server.hear = func(op, path string) error {
			switch op {
			case "list", "stat", "open", "read", "readlink", "set", "syncdir":
				return nil // destinations ask these again by themselves
			}
			if n++; n%47 == 0 {
				return errCut
			}
			return nil
		}
		for run := 1; run <= 3; run++ {
			a.edit(run)
			for range 30 {
				_, err := a.run(t.Context(), server, o)
				if err == nil {
					break
				}
				if !errors.Is(err, dest.ErrUnreachable) && !errors.Is(err, lease.ErrBusy) {
					t.Fatal(err)
				}
				server.now += 3600
			}
		}
		server.hear = nil
		a.holdsAll(server, o, 2, 1)
	}
}

// withoutRights runs f, and all it starts, as root without the right to read what it must not.
func withoutRights(f func() error) error {
	if err := syscall.Setresuid(-1, 65534, 0); err != nil {
		return err
	}
	defer syscall.Setresuid(-1, 0, 0)
	return f()
}

func TestUnreadableDirectoryIsFilledFromAnotherSlot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to give its rights away for a while")
	}
	a, server := newAccount(t), newMemory()
	a.edit(1)
	a.file("mail/cur/1", "in a folder of a folder", 81)
	a.check(os.Symlink("cur/1", a.path("mail/first")))
	o := options(3)
	a.mustRun(server, o)
	was := a.truth()
	for range 2 { // into slots that never had it
		src, err := source.Open(a.root, a.o)
		a.check(err)
		a.check(os.Chmod(a.path("mail"), 0))
		var sum Summary
		err = withoutRights(func() (err error) {
			sum, err = Run(t.Context(), server, src, o)
			return err
		})
		a.check(errors.Join(err, src.Close(), os.Chmod(a.path("mail"), 0o755)))
		has, err := inSlot(t.Context(), server, state.Path(o.Directory, sum.Slot))
		a.check(err)
		delete(has, "locked")
		delete(was, "locked") // mode 0000
		if d := differences(has, was); d != nil {
			t.Errorf("slot %d: %v", sum.Slot, d)
		}
	}
	for range 3 {
		sum := a.mustRun(server, o)
		a.holdsAll(server, o, 3, sum.Slot)
	}
}

func TestUnreadableDirectoryKeepsItsPart(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to give its rights away for a while")
	}
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	a.mustRun(server, o)
	a.mustRun(server, o)
	before, err := inSlot(t.Context(), server, state.Path(o.Directory, 1))
	a.check(err)
	a.file("other", "changed elsewhere", 80)
	src, err := source.Open(a.root, a.o)
	a.check(err)
	a.check(os.Chmod(a.path("mail"), 0))
	var sum Summary
	err = withoutRights(func() (err error) {
		sum, err = Run(t.Context(), server, src, o)
		return err
	})
	a.check(errors.Join(err, src.Close(), os.Chmod(a.path("mail"), 0o755)))
	if sum.Frozen == 0 || sum.Deleted != 0 {
		t.Errorf("%+v", sum)
	}
	after, err := inSlot(t.Context(), server, state.Path(o.Directory, sum.Slot))
	a.check(err)
	for p, want := range before {
		if strings.HasPrefix(p, "mail/") && after[p] != want {
			t.Errorf("%q is %q, want %q", p, after[p], want)
		}
	}
	a.mustRun(server, o)
	sum = a.mustRun(server, o)
	a.holdsAll(server, o, 2, sum.Slot)
}
