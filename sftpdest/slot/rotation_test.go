package slot

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/state"
)

// backups runs once on each of some days, and returns the days of the backups that are there, the newest one first.
func (a *account) backups(m *memory, o Options, start time.Time, days int) (left []string) {
	a.t.Helper()
	for n := range days {
		o.Now = func() time.Time { return start.AddDate(0, 0, n) }
		a.mustRun(m, o)
	}
	slots, err := List(a.t.Context(), m, o.Directory)
	a.check(err)
	for i := range slots {
		if !slots[i].Complete() {
			a.t.Errorf("%s is %s, %v", slots[i].Path, slots[i].State.Phase, slots[i].Err)
		}
		left = append(left, slots[i].State.Started.Format("01-02"))
	}
	return left
}

func TestPolicyOfPeriodsKeepsThemAndSaysWhichSlotGoes(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.file("file", "content", 1)
	o := options(0)
	o.Policy = Policy{Daily: 3, Weekly: 2}
	got := a.backups(m, o, time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC), 25) // a Monday
	if want := []string{"03-26", "03-25", "03-24", "03-22", "03-15"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	slots, err := List(t.Context(), m, o.Directory)
	a.check(err)
	next, kept, err := Outlook(o.Policy, slots, time.Date(2026, 3, 27, 2, 0, 0, 0, time.UTC))
	a.check(err)
	if next.Number != slots[2].State.Slot || next.Reason != "no rule keeps it" || kept[slots[3].State.Slot] != "keep-weekly 2026-W12" {
		t.Errorf("next is %+v, kept are %v", next, kept)
	}
	o.DryRun, o.Now = true, func() time.Time { return time.Date(2026, 3, 27, 2, 0, 0, 0, time.UTC) }
	if sum := a.mustRun(m, o); sum.Slot != next.Number || sum.Reason != next.Reason {
		t.Errorf("a dry run says %d, %q; next is %+v", sum.Slot, sum.Reason, next)
	}
}

func TestPolicyThatShrinksAndGrowsKeepsWhatItNeeds(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.file("file", "content", 1)
	o := options(7)
	start := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	a.backups(m, o, start, 21)
	o.Policy = Policy{Daily: 2, Weekly: 1}
	if got, want := a.backups(m, o, start.AddDate(0, 0, 21), 1), []string{"03-23", "03-22", "03-16"}; !slices.Equal(got, want) {
		t.Errorf("after it shrank: %v, want %v", got, want)
	}
	o.Policy = Policy{Daily: 2, Weekly: 2, Monthly: 1}
	if got, want := a.backups(m, o, start.AddDate(0, 0, 22), 8), []string{"03-31", "03-30", "03-29", "03-22", "03-16"}; !slices.Equal(got, want) {
		t.Errorf("after it grew: %v, want %v", got, want)
	}
}

func TestFirstSlotOfAJobIsFilledFromThatOfAnother(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.edit(1)
	a.edit(2)
	one := options(2)
	one.Machine = "this"
	a.mustRun(m, one)
	sizeOf := func() int {
		n, err := m.find("job/alice")
		a.check(err)
		return m.size(n)
	}
	before := sizeOf()
	a.gone("public_html")
	a.gone("mail")
	a.file("new/three", "only here", 71)
	two := one
	two.Job, two.Directory, two.Siblings = "other", "other/alice", []string{"nothing/alice", "job/alice"}
	// The other job's backup has much more. That is no mass change: this one never had it.
	sum := a.mustRun(m, two)
	if sum.Copied == 0 || sum.Uploaded != 1 {
		t.Errorf("%+v", sum)
	}
	a.holdsAll(m, two, 1, 1)
	if after := sizeOf(); after != before {
		t.Errorf("the other job has %d bytes, and had %d", after, before)
	}
	foreign := two
	foreign.Directory, foreign.Machine, foreign.Adopt = "third/alice", "that", true
	if sum := a.mustRun(m, foreign); sum.Copied != 0 || sum.Uploaded == 0 {
		t.Errorf("from slots of another machine: %+v", sum)
	}
}

// What a directory held that cannot be read now is known from this job's backups alone.
func TestNothingOfAnUnreadableDirectoryComesFromAnotherJob(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to give its rights away for a while")
	}
	a, m := newAccount(t), newMemory()
	a.file("shut/of the other job", "content", 1)
	a.file("open/file", "content", 2)
	one := options(2)
	a.mustRun(m, one)
	two := one
	two.Job, two.Directory, two.Siblings = "other", "other/alice", []string{"job/alice"}
	src, err := source.Open(a.root, a.o)
	a.check(err)
	a.check(os.Chmod(a.path("shut"), 0))
	var sum Summary
	err = withoutRights(func() (err error) {
		sum, err = Run(t.Context(), m, src, two)
		return err
	})
	a.check(errors.Join(err, src.Close(), os.Chmod(a.path("shut"), 0o755)))
	has, err := inSlot(t.Context(), m, state.Path(two.Directory, 1))
	a.check(err)
	if has["shut/of the other job"] != "" || has["open/file"] == "" || sum.Copied != 1 {
		t.Errorf("the slot has %v; %+v", has, sum)
	}
}
