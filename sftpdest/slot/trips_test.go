package slot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/state"
)

// trip is a round trip by the clock of a bubble, which stands still while anybody works.
const trip = time.Second

// distant is a server whose answers take round trips.
type distant struct{ *memory }

func (d distant) List(ctx context.Context, dir string) ([]dest.Info, error) {
	time.Sleep(2 * trip)
	return d.memory.List(ctx, dir)
}

func (d distant) Stat(ctx context.Context, p string) (dest.Info, error) {
	time.Sleep(trip)
	return d.memory.Stat(ctx, p)
}

func (d distant) Open(ctx context.Context, p string) (dest.File, error) {
	time.Sleep(trip)
	f, err := d.memory.Open(ctx, p)
	return distantFile{f}, err
}

type distantFile struct{ dest.File }

func (f distantFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	time.Sleep(trip)
	return f.File.ReadAt(ctx, p, off)
}

func (d distant) Create(ctx context.Context, p string, how dest.Create) (dest.WriteFile, error) {
	time.Sleep(trip)
	out, err := d.memory.Create(ctx, p, how)
	return distantOutput{out}, err
}

type distantOutput struct{ dest.WriteFile }

func (o distantOutput) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	time.Sleep(trip)
	return o.WriteFile.WriteAt(ctx, p, off)
}

func (o distantOutput) Close(ctx context.Context) error {
	time.Sleep(trip)
	return o.WriteFile.Close(ctx)
}

func (d distant) Put(ctx context.Context, p string, c []byte, a dest.Attributes, sync bool) (bool, error) {
	time.Sleep(2 * trip)
	return d.memory.Put(ctx, p, c, a, sync)
}

func (d distant) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	time.Sleep(2 * trip)
	return d.memory.Copy(ctx, from, to, size, a, sync)
}

func (d distant) Mkdir(ctx context.Context, p string, permissions uint32) error {
	time.Sleep(trip)
	return d.memory.Mkdir(ctx, p, permissions)
}

func (d distant) Rename(ctx context.Context, from, to string) error {
	time.Sleep(trip)
	return d.memory.Rename(ctx, from, to)
}

func (d distant) Remove(ctx context.Context, p string) error {
	time.Sleep(trip)
	return d.memory.Remove(ctx, p)
}

func (d distant) RemoveDir(ctx context.Context, p string) error {
	time.Sleep(trip)
	return d.memory.RemoveDir(ctx, p)
}

func (d distant) SyncDir(ctx context.Context, p string) error {
	time.Sleep(2 * trip)
	return d.memory.SyncDir(ctx, p)
}

func (d distant) Install(ctx context.Context, from, to string) (bool, error) {
	time.Sleep(2 * trip)
	return d.memory.Install(ctx, from, to)
}

func (d distant) SyncDirAttributes(ctx context.Context, p string, a dest.Attributes) (bool, error) {
	time.Sleep(2 * trip)
	return d.memory.SyncDirAttributes(ctx, p, a)
}

// hundreds are 300 files in three directories.
func (a *account) hundreds() {
	for i := range 300 {
		a.file(fmt.Sprintf("%d/file %d", i%3, i), fmt.Sprint(i), i)
	}
}

// within runs a backup to a distant server and fails if that waits for more round trips than most.
func (a *account) within(t *testing.T, m *memory, o Options, most int) (sum Summary) {
	t.Helper()
	real := o.Now() // of the slots that are there
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		o.Now = func() time.Time { return real.Add(time.Since(begun)) }
		var err error
		if sum, err = a.run(t.Context(), distant{m}, o); err != nil {
			t.Fatal(err)
		}
		if took := int(time.Since(begun) / trip); took > most {
			t.Errorf("%d round trips, want %d at most", took, most)
		}
	})
	return sum
}

func TestARunOfFewChangesWaitsForFewRoundTrips(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.hundreds()
	o := options(1)
	o.Lanes, o.LeaseTTL = 64, time.Hour
	for range 3 {
		a.mustRun(m, o)
	}
	for i := range 30 {
		a.file(fmt.Sprintf("%d/file %d", i%3, i*10), fmt.Sprint("changed ", i), 300+i)
	}
	// Names, lease, names, states and manifests; state, readers of the slot, files, directories, lease, manifest and state; an old
	// manifest, and the lease.
	a.within(t, m, o, 25)
}

func TestAFirstRunWaitsForFewRoundTrips(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.hundreds()
	o := options(1)
	o.Lanes, o.LeaseTTL, o.tune.segment = 512, time.Hour, 10 // nobody waits for the journal
	var begun, first time.Time                               // of all, and of the uploads
	m.hear = func(op, p string) error {
		if begun.IsZero() {
			begun = time.Now().Add(-2 * trip) // names are what is asked for first
		}
		if op == "create" && first.IsZero() && strings.Contains(p, "/tmp/") {
			first = time.Now()
		}
		return nil
	}
	a.within(t, m, o, 26)
	// Names, three directories, lease, names, two directories; the upload is heard when its two are over.
	if took := first.Sub(begun); took > 12*trip {
		t.Errorf("%d round trips before the first upload", took/trip)
	}
}

func TestASecondSlotWaitsForFewRoundTrips(t *testing.T) {
	a, m := newAccount(t), newMemory()
	for i := range 30 {
		a.file(fmt.Sprintf("file %d", i), fmt.Sprint(i), i)
	}
	o := options(2)
	o.Lanes, o.LeaseTTL = 64, time.Hour
	a.mustRun(m, o)
	if sum := a.within(t, m, o, 26); sum.Copied != 30 {
		t.Errorf("%+v", sum)
	}
}

// What runs left that were broken off, and slots that a lower retention has no place for, may be a great many files.
func TestWhatHasToGoGoesSideBySide(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.hundreds()
	o := options(4)
	o.Lanes, o.LeaseTTL = 64, time.Hour
	for range 4 {
		a.mustRun(m, o)
	}
	for i := range 300 {
		if _, err := m.Put(t.Context(), fmt.Sprintf("%s/tmp/other-%d", state.Path(o.Directory, 1), i), nil, dest.Attributes{}, true); err != nil {
			t.Fatal(err)
		}
	}
	o.Policy.Last = 2
	a.within(t, m, o, 70)
	slots, err := List(t.Context(), m, o.Directory)
	if err != nil || len(slots) != 2 {
		t.Errorf("%d slots, %v", len(slots), err)
	}
}

// What is uploaded ahead of the state must not touch what the slot has until the state says so.
func TestNothingBelowDataChangesBeforeTheStateIsDurable(t *testing.T) {
	a, m := newAccount(t), newMemory()
	o := options(1)
	o.Lanes = 16
	for n := 1; n <= 3; n++ {
		a.edit(n)
		a.mustRun(m, o)
	}
	for _, left := range []bool{false, true} { // behind by an earlier run
		sum := Summary{Slot: 2}
		if left {
			sum.Slot = 1
			if _, err := m.Put(t.Context(), state.Path(o.Directory, 1)+"/tmp/other-1", nil, dest.Attributes{}, true); err != nil {
				t.Fatal(err)
			}
		}
		slot := state.Path(o.Directory, sum.Slot)
		uploads, installed, durable, swept := 0, false, false, false
		m.hear = func(op, p string) error {
			switch {
			case op == "rename" && installed && (!durable || left && !swept):
				return errors.New("too early")
			case op == "rename":
				installed = true // the first one is that of the state
			case op == "syncdir" && p == slot && installed:
				durable = true
			case op == "remove" && strings.HasSuffix(p, "/other-1"):
				swept = true
			case strings.HasPrefix(p, slot+"/data") && op != "list" && !durable:
				return errors.New("too early")
			case op == "create" && strings.HasPrefix(p, slot+"/tmp/"):
				uploads++
			}
			return nil
		}
		for i := range 5 {
			a.file(fmt.Sprintf("more %v/%d", left, i), "new", 400+i)
		}
		if got := a.mustRun(m, o); got.Slot != sum.Slot || uploads < 3 || !durable || swept != left {
			t.Errorf("slot %d, %d uploads, durable %v, swept %v", got.Slot, uploads, durable, swept)
		}
		m.hear = nil
	}
}
