package slot

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/state"
)

// holdsAll fails unless all slots are complete and as they claim, want of them, and slot has what the source has.
func (a *account) holdsAll(d dest.ReadWriter, o Options, want, slot int) {
	a.t.Helper()
	slots, err := List(a.t.Context(), d, o.Directory)
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
		says, err := claimed(a.t.Context(), d, s)
		a.check(err)
		has, err := inSlot(a.t.Context(), d, s.Path)
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
	if !errors.Is(second, lease.ErrBusy) {
		t.Errorf("the second run: %v, want lease.ErrBusy", second)
	}
	a.holdsAll(server, o, 1, 1)
}

func TestLateRunCannotDisturbTheOneThatTookItsLease(t *testing.T) {
	t.Parallel()
	a, before := newAccount(t), newMemory()
	o := options(2)
	for n := 1; n <= 2; n++ {
		a.edit(n)
		a.mustRun(before, o)
	}
	a.edit(3)
	whole := before.clone()
	a.mustRun(whole, o)
	for k := 12; k < whole.ops-4; k++ {
		server := before.clone()
		var clock atomic.Int64
		clock.Store(server.now + 1e9)
		o.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
		var second error
		stopped := false
		server.hear = func(op, path string) error {
			// The first run is stopped here, for so long that its lease is stale.
			if server.ops < k || stopped {
				return nil
			}
			stopped = true
			server.now += 3600
			clock.Add(3600)
			server.mu.Unlock()
			defer server.mu.Lock()
			_, second = a.run(t.Context(), server, o)
			return nil
		}
		_, first := a.run(t.Context(), server, o)
		server.hear = nil
		server.now += 3600
		clock.Add(3600)
		if second != nil && !errors.Is(second, lease.ErrBusy) {
			t.Errorf("stopped at %d: the run that takes over: %v", k, second)
		}
		if second != nil {
			a.mustRun(server, o) // it saw the first one, which may have seen it or not
		}
		slots, err := List(t.Context(), server, o.Directory)
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
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, lease.ErrBusy) {
		t.Errorf("%v, want lease.ErrBusy", err)
	}
	o.tune.dead = func(h *lease.Holder) bool { return h.PID == os.Getpid() && h.Host == "test" }
	sum := a.mustRun(server, o)
	if !sum.Resumed {
		t.Error("not resumed")
	}
	if h := lease.Self("", ""); h.Dead() {
		t.Error("this process is taken for dead")
	}
	if h := lease.Self("", ""); h.Start == "" || (&lease.Holder{Boot: h.Boot, Space: h.Space, PID: h.PID, Start: "1"}).Dead() == false {
		t.Error("a process that had this number before is taken to be alive")
	}
}

// A server whose clock was years ahead when a run died does not keep the account from being backed up for years.
func TestLeaseOfTheFutureIsTakenOverWhenNobodyWritesToIt(t *testing.T) {
	for name, alive := range map[string]bool{"dead": false, "alive": true} {
		a, server := newAccount(t), newMemory()
		a.edit(1)
		o := options(2)
		server.killAt = 60
		if _, err := a.run(t.Context(), server, o); err == nil {
			t.Fatal("not killed")
		}
		server.dead, server.killAt = false, 0
		server.now -= 10 * 365 * 24 * 3600
		all, err := server.List(t.Context(), o.Directory)
		a.check(err)
		real := later()
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			o.Now = func() time.Time { return real.Add(time.Since(began)) }
			if alive {
				go func() {
					time.Sleep(5 * time.Minute)
					server.mu.Lock()
					defer server.mu.Unlock()
					for _, info := range all {
						if strings.HasPrefix(info.Name, "lease.") {
							f, err := server.find(o.Directory + "/" + info.Name)
							a.check(err)
							f.mtime = server.now
						}
					}
				}()
			}
			sum, err := a.run(t.Context(), server, o)
			if alive && !errors.Is(err, lease.ErrBusy) || !alive && (err != nil || !sum.Resumed) {
				t.Errorf("%s: %+v, %v", name, sum, err)
			}
			if waited := time.Since(began); !alive && waited < 10*time.Minute || waited > time.Hour {
				t.Errorf("%s: it waited %s", name, waited)
			}
		})
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
	slots, err := List(t.Context(), server, o.Directory)
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
	vanished := false
	server.hear = func(op, path string) error {
		if op == "create" && strings.HasSuffix(path, "/0") { // of logs
			a.gone("logs/3")
			a.gone("public_html/deep")
			vanished = true
		}
		return nil
	}
	a.mustRun(server, o)
	if !vanished {
		t.Fatal("logs/0 was not uploaded")
	}
	server.hear = nil
	a.edit(2)
	a.mustRun(server, o)
	sum := a.mustRun(server, o)
	a.holdsAll(server, o, 2, sum.Slot)
}

func TestARunThatLostItsSlotWritesNothingIntoIt(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	o.tune.segment = 1000 // none is due before the end
	taken := false
	server.hear = func(op, path string) error {
		if op != "create" || !strings.HasSuffix(path, "/page") {
			return nil
		}
		n, err := server.find(state.Path(o.Directory, 1) + "/" + manifest.StateName)
		a.check(err)
		state, err := manifest.DecodeState(n.data)
		a.check(err)
		state.Run, state.Epoch, taken = "another", state.Epoch+1, true
		n.data, err = state.Encode()
		a.check(err)
		return nil
	}
	if _, err := a.run(t.Context(), server, o); !taken || !errors.Is(err, lease.ErrBusy) {
		t.Errorf("taken %v: %v, want lease.ErrBusy", taken, err)
	}
	server.hear = nil
	names, err := server.List(t.Context(), state.Path(o.Directory, 1)+"/meta")
	a.check(err)
	for _, info := range names {
		if _, _, journal := manifest.ParseJournalName(info.Name); journal {
			t.Errorf("%s was written", info.Name)
		}
	}
	if left, err := server.List(t.Context(), state.Path(o.Directory, 1)+"/tmp"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
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
