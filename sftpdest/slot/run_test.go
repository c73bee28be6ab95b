package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/slot/source"
)

// holdsAll fails unless all slots are complete and as they claim, want of them, and slot has what the source has.
func (a *account) holdsAll(store Store, o Options, want, slot int) {
	a.t.Helper()
	slots, err := List(a.t.Context(), store, o.Folder)
	a.check(err)
	if len(slots) != want {
		a.t.Errorf("%d slots, want %d", len(slots), want)
	}
	for i := range slots {
		s := &slots[i]
		if !s.Complete() {
			a.t.Errorf("%s is %s, %v", s.Path, s.State.Phase, s.Err)
			continue
		}
		says, err := claimed(a.t.Context(), store, s)
		a.check(err)
		has, err := inSlot(a.t.Context(), store, s.Path)
		a.check(err)
		if d := differences(has, says); d != nil {
			a.t.Errorf("%s is not as its manifest: %v", s.Path, d)
		}
		if s.State.Slot == slot {
			if d := differences(has, a.truth()); d != nil {
				a.t.Errorf("%s is not as the source: %v", s.Path, d)
			}
		}
	}
}

func TestSecondRunAtOnceIsBusy(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	var second error
	asked := false
	server.hear = func(op, path string) error {
		if op != "rename" || asked {
			return nil
		}
		asked = true
		server.mu.Unlock()
		defer server.mu.Lock()
		_, second = a.run(t.Context(), server, o)
		return nil
	}
	a.mustRun(server, o)
	if !errors.Is(second, ErrBusy) {
		t.Errorf("the second run: %v, want ErrBusy", second)
	}
	a.holdsAll(server, o, 1, 1)
}

func TestLateRunCannotDisturbTheOneThatTookItsLease(t *testing.T) {
	a, before := newAccount(t), newMemory()
	o := options(2)
	for n := 1; n <= 2; n++ {
		a.edit(n)
		a.mustRun(before, o)
	}
	a.edit(3)
	whole := before.clone()
	a.mustRun(whole, o)
	for k := 12; k < whole.ops-4; k += 9 {
		server := before.clone()
		o.Now = func() time.Time { return time.Unix(server.now, 0).Add(1e9 * time.Second) }
		var second error
		stopped := false
		server.hear = func(op, path string) error {
			// The first run is stopped here, for so long that its lease is stale.
			if server.ops < k || stopped {
				return nil
			}
			stopped = true
			server.now += 3600
			server.mu.Unlock()
			defer server.mu.Lock()
			_, second = a.run(t.Context(), server, o)
			return nil
		}
		_, first := a.run(t.Context(), server, o)
		server.hear = nil
		server.now += 3600
		if second != nil && !errors.Is(second, ErrBusy) {
			t.Errorf("stopped at %d: the run that takes over: %v", k, second)
		}
		if second != nil && first != nil {
			a.mustRun(server, o) // each saw the other
		}
		slots, err := List(t.Context(), server, o.Folder)
		a.check(err)
		a.holdsAll(server, o, 2, slots[0].State.Slot)
		if t.Failed() {
			t.Fatalf("stopped at %d: %v", k, first)
		}
	}
}

func TestLeaseOfADeadProcessIsTakenOverAtOnce(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	server.killAt = 60
	if _, err := a.run(t.Context(), server, o); err == nil {
		t.Fatal("not killed")
	}
	server.dead, server.killAt = false, 0
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	o.tune.dead = func(h *holder) bool { return h.PID == os.Getpid() && h.Host == "test" }
	sum := a.mustRun(server, o)
	if !sum.Resumed {
		t.Error("not resumed")
	}
	if h := me("", ""); h.dead() {
		t.Error("this process is taken for dead")
	}
	if h := me("", ""); h.Start == "" || (&holder{Boot: h.Boot, Space: h.Space, PID: h.PID, Start: "1"}).dead() == false {
		t.Error("a process that had this number before is taken to be alive")
	}
}

func TestEmptiedSourceIsRefusedAndNothingIsTouched(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	a.mustRun(server, o)
	a.mustRun(server, o)
	for _, p := range []string{"public_html", "mail", "logs", "tree", "swap", "nothing"} {
		a.gone(p)
	}
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, ErrMassChange) {
		t.Fatalf("%v, want ErrMassChange", err)
	}
	a.holdsAll(server, o, 2, 0)
	o.AllowMassChange = true
	sum := a.mustRun(server, o)
	a.holdsAll(server, o, 2, sum.Slot)
	a.check(os.RemoveAll(a.root))
	a.dir(".")
	o.AllowMassChange = false
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, ErrMassChange) {
		t.Fatalf("empty source: %v, want ErrMassChange", err)
	}
}

func TestUnchangedFilesAreNotSentAndNewOnesAreCopiedFromTheNewestSlot(t *testing.T) {
	for fillMode, want := range map[Fill][3]int64{FillAuto: {0, 17, 0}, FillUpload: {17, 0, 0}, FillLink: {0, 0, 17}} {
		a, server := newAccount(t), newMemory()
		a.edit(1)
		o := options(3)
		o.Fill = fillMode
		first := a.mustRun(server, o)
		if first.Uploaded != 16 && first.Uploaded != 17 || first.Copied != 0 {
			t.Errorf("%s: first run %+v", fillMode, first)
		}
		want := [3]int64{want[0] * first.Uploaded / 17, want[1] * first.Uploaded / 17, want[2] * first.Uploaded / 17}
		second := a.mustRun(server, o)
		if got := [3]int64{second.Uploaded, second.Copied, second.Linked}; got != want {
			t.Errorf("%s: uploaded, copied, linked: %v, want %v", fillMode, got, want)
		}
		a.mustRun(server, o)
		a.edit(2)
		for range 3 {
			a.mustRun(server, o)
		}
		last := a.mustRun(server, o)
		if last.Uploaded+last.Copied+last.Linked+last.Deleted != 0 || last.Files == 0 {
			t.Errorf("%s: a run without changes: %+v", fillMode, last)
		}
		a.holdsAll(server, o, 3, 1)
		a.holdsAll(server, o, 3, 3)
	}
}

func TestLargeFileGoesOnWhereItStopped(t *testing.T) {
	a, server := newAccount(t), newMemory()
	content := desttest.Content(6 << 20)
	a.file("large", string(content), 1)
	o := options(2)
	o.tune.mark = 1 << 20
	writes := 0
	server.hear = func(op, path string) error {
		if op != "write" || !strings.Contains(path, "/tmp/") {
			return nil
		}
		if writes++; writes > 10 {
			return errKilled
		}
		return nil
	}
	if _, err := a.run(t.Context(), server, o); err == nil {
		t.Fatal("not killed")
	}
	server.hear = nil
	server.now += 3600
	sum := a.mustRun(server, o)
	if sum.UploadedBytes >= 6<<20 || !sum.Resumed {
		t.Errorf("%d bytes were sent, all of the file", sum.UploadedBytes)
	}
	a.holdsAll(server, o, 1, 1)

	// Another version does not go on with what is there of the first one.
	a.file("large", string(desttest.Content(5<<20)), 2)
	writes = 0
	server.hear = func(op, path string) error {
		if op == "write" && strings.Contains(path, "/tmp/") {
			if writes++; writes > 9 {
				return errKilled
			}
		}
		return nil
	}
	if _, err := a.run(t.Context(), server, o); err == nil {
		t.Fatal("not killed")
	}
	server.hear = nil
	server.now += 3600
	a.file("large", string(content), 3)
	if sum = a.mustRun(server, o); sum.UploadedBytes != 6<<20 {
		t.Errorf("%d bytes were sent of another version, want all", sum.UploadedBytes)
	}
	a.holdsAll(server, o, 2, sum.Slot)
}

func TestFileThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.file("log", strings.Repeat("line\n", 4000), 1)
	o := options(2)
	grown := 0
	grow := func(op, path string) error {
		if op != "write" || !strings.Contains(path, "slot-01/tmp/") || grown == 0 {
			return nil
		}
		grown--
		f, err := os.OpenFile(a.path("log"), os.O_APPEND|os.O_WRONLY, 0)
		a.check(err)
		_, err = f.WriteString("more\n")
		a.check(err)
		return f.Close()
	}
	server.hear = grow
	grown = 1 << 20 // the writes of state.json do not hurt: the file was not opened yet
	sum := a.mustRun(server, o)
	if sum.Changed != 1 {
		t.Errorf("%+v, want one file that changed all the time", sum)
	}
	server.hear = nil
	slots, err := List(t.Context(), server, o.Folder)
	a.check(err)
	has, err := inSlot(t.Context(), server, slots[0].Path)
	a.check(err)
	says, err := claimed(t.Context(), server, &slots[0])
	a.check(err)
	if d := differences(has, says); d != nil {
		t.Error(d)
	}
	a.mustRun(server, o)
	if sum = a.mustRun(server, o); sum.Changed != 0 {
		t.Errorf("%+v", sum)
	}
	a.holdsAll(server, o, 2, 1)
}

func TestVanishedFilesAreNormal(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	server.hear = func(op, path string) error {
		if op == "mkdir" && strings.HasSuffix(path, "data/logs") {
			a.gone("logs/3")
			a.gone("public_html/deep")
		}
		return nil
	}
	a.mustRun(server, o)
	server.hear = nil
	a.edit(2)
	a.mustRun(server, o)
	sum := a.mustRun(server, o)
	a.holdsAll(server, o, 2, sum.Slot)
}

func TestFullServerIsToldAndTheNextRunGoesOn(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	o.tune.segment = 2
	server.room = 14000
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, ErrFull) {
		t.Fatalf("%v, want ErrFull", err)
	}
	server.room = -1
	sum := a.mustRun(server, o)
	if !sum.Resumed || sum.Slot != 1 || sum.Uploaded >= 16 {
		t.Errorf("%+v: not resumed", sum)
	}
	a.holdsAll(server, o, 1, 1)
}

func TestPermissionLostOnTheServerStopsTheRunOnly(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	a.mustRun(server, o)
	server.hear = func(op, path string) error {
		if op == "create" && strings.Contains(path, "/tmp/") {
			return fs.ErrPermission
		}
		return nil
	}
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("%v", err)
	}
	server.hear = nil
	a.mustRun(server, o)
	a.holdsAll(server, o, 2, 2)
}

func TestClockThatJumpsBackDoesNotChangeTheOrderOfSlots(t *testing.T) {
	a, server := newAccount(t), newMemory()
	o := options(2)
	for n := 1; n <= 6; n++ {
		a.edit(n)
		at := time.Date(2030-n, 1, 1, 0, 0, 0, 0, time.UTC)
		o.Now = func() time.Time { return at }
		server.now -= 100000
		sum := a.mustRun(server, o)
		if want := 2 - n%2; sum.Slot != want || sum.Gen != uint64(n) {
			t.Errorf("run %d: %+v, want slot %d", n, sum, want)
		}
		a.holdsAll(server, o, min(n, 2), sum.Slot)
	}
}

func TestNamesThatOnlyFitAreBackedUp(t *testing.T) {
	a, server := newAccount(t), newMemory()
	long := strings.Repeat("y", 255)
	a.file(long, "255", 1)
	a.file(strings.Repeat("z", 200)+"/"+long, "deep", 2)
	a.file("*?[glob]", "", 3)
	a.file(" blank ", "", 4)
	a.file("a!", "before a folder's files in bytes", 5)
	a.file("a/x", "", 6)
	a.file("a.b", "", 7)
	o := options(2)
	a.mustRun(server, o)
	a.file(long, "255 again", 8)
	a.mustRun(server, o)
	a.mustRun(server, o)
	a.holdsAll(server, o, 2, 1)
}

func TestUnreadableFolderKeepsItsPart(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to give its rights away for a while")
	}
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	a.mustRun(server, o)
	a.mustRun(server, o)
	before, err := inSlot(t.Context(), server, slotPath(o.Folder, 1))
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
	after, err := inSlot(t.Context(), server, slotPath(o.Folder, sum.Slot))
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
	a.check(Pin(t.Context(), server, o.Folder, 1, true))
	release, err := Hold(t.Context(), server, o.Folder, 2)
	a.check(err)
	a.edit(4)
	if sum := a.mustRun(server, o); sum.Slot != 3 {
		t.Errorf("slot %d was taken, want 3", sum.Slot)
	}
	a.check(release(t.Context()))
	if sum := a.mustRun(server, o); sum.Slot != 2 {
		t.Errorf("slot %d was taken, want 2", sum.Slot)
	}
	a.check(Pin(t.Context(), server, o.Folder, 1, false))
	if sum := a.mustRun(server, o); sum.Slot != 1 {
		t.Errorf("slot %d was taken, want 1", sum.Slot)
	}
	a.holdsAll(server, o, 3, 1)
	for n := range 3 {
		a.check(Pin(t.Context(), server, o.Folder, n+1, true))
	}
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, errAllKept) {
		t.Errorf("%v", err)
	}
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
	found, err := Verify(t.Context(), server, o.Folder, 1, all)
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
		if found, err := Verify(t.Context(), server, o.Folder, n+1, all); err != nil || found != nil {
			t.Errorf("slot %d: %v, %v", n+1, found, err)
		}
	}
	slots, err := List(t.Context(), server, o.Folder)
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
	o.Retention = 2
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
	server.hear = func(op, path string) error {
		if op == "rename" && strings.Contains(path, "-9") {
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
				return dest.ErrUnreachable
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
				if !errors.Is(err, dest.ErrUnreachable) && !errors.Is(err, ErrBusy) {
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
