package slot

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"slotfs/sftpdest/slot/state"
)

// thorough reports whether everything is tried, whatever time it takes.
func thorough() bool { return os.Getenv("SLOTFS_MATRIX") == "full" }

// density tells of how many operations one is tried, and how many power cuts at each: SLOTFS_MATRIX=full takes hours, dense, which
// the suite of all tests sets, minutes.
func density() (step, cuts int) {
	switch {
	case thorough():
		return 1, 25
	case os.Getenv("SLOTFS_MATRIX") == "dense":
		return 11, 2
	}
	return 23, 1
}

func TestAKilledRunLeavesAllSlotsButOneAndTheNextOneGoesOn(t *testing.T) {
	t.Parallel()
	for _, retention := range []int{3, 1} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("retention %d, late %v", retention, late), func(t *testing.T) {
				matrix(t, options(retention), late, false)
			})
		}
	}
}

func TestAKilledRunUnderAPolicyOfPeriodsLeavesAllSlotsButOne(t *testing.T) {
	t.Parallel()
	o := options(0)
	o.Policy = Policy{Daily: 1, Weekly: 1, Monthly: 1}
	matrix(t, o, true, false)
}

func TestAPowerCutLeavesAllSlotsButOneAndTheNextRunGoesOn(t *testing.T) {
	t.Parallel()
	for _, retention := range []int{3, 1} {
		t.Run(fmt.Sprintf("retention %d", retention), func(t *testing.T) { matrix(t, options(retention), false, true) })
	}
}

func TestAKilledRunOfSeveralLanesLeavesAllSlotsButOne(t *testing.T) {
	t.Parallel()
	o := options(3)
	o.Lanes = 8
	matrix(t, o, false, false)
}

func TestAKilledRunWithoutFsyncLeavesAllSlotsButOne(t *testing.T) {
	t.Parallel()
	o := options(3)
	matrixOn(t, o, true, false, func(_ *account, m *memory) { m.unsync = true })
}

func TestAKilledRunWhereTheServerReplacesNothingLeavesAllSlotsButOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ late, power, unsync bool }{{late: true, unsync: true}, {power: true}, {power: true, late: true}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			matrixOn(t, options(3), c.late, c.power, func(_ *account, m *memory) { m.plain, m.unsync = true, c.unsync })
		})
	}
}

// SFTP tells whole seconds: of two versions of one size within a second a listing shows the same.
func TestAKilledRunAfterChangesWithinOneSecondLeavesAllSlotsButOne(t *testing.T) {
	t.Parallel()
	for _, power := range []bool{false, true} {
		t.Run(fmt.Sprintf("power %v", power), func(t *testing.T) {
			matrixOn(t, options(3), !power, power, func(a *account, _ *memory) { a.tight = true })
		})
	}
	t.Run("without fsync", func(t *testing.T) {
		matrixOn(t, options(2), false, false, func(a *account, m *memory) { a.tight, m.unsync = true, true })
	})
}

func matrix(t *testing.T, o Options, late, power bool) {
	matrixOn(t, o, late, power, func(*account, *memory) {})
}

// matrixOn kills each of several runs at every operation.
func matrixOn(t *testing.T, o Options, late, power bool, set func(*account, *memory)) {
	a, past, server := newAccount(t), history{}, newMemory()
	set(a, server)
	points := 0
	step, powerCuts := density()
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 5; n++ {
		o.Now = func() time.Time { return later().AddDate(0, 0, n) }
		a.edit(n)
		now := a.truth()
		whole := server.clone()
		sum := a.mustRun(whole, o)
		for k := 1 + rnd.IntN(step); k <= whole.ops; k += step {
			cuts := 1
			if power {
				cuts = powerCuts
			}
			for range cuts {
				points++
				if err := killed(a, server.clone(), o, k, late, power, n, past, now, rnd); err != nil {
					t.Fatalf("run %d killed at operation %d of %d: %v", n, k, whole.ops, err)
				}
			}
		}
		server = whole
		past[sum.Gen] = now
		if _, err := examine(t.Context(), server, o.Directory, past, nil); err != nil {
			t.Fatalf("run %d: %v", n, err)
		}
		server.now += 86400
	}
	t.Logf("%d kill points", points)
}

// killed kills run n at operation k and runs again.
func killed(a *account, m *memory, o Options, k int, late, power bool, n int, past history, now map[string]string, rnd *rand.Rand) error {
	ctx := a.t.Context()
	before := min(n-1, o.Policy.Slots())
	m.killAt, m.late = k, late
	_, err := a.run(ctx, m, o)
	if m.dead && err == nil && k < m.ops-40 {
		return errors.New("the run did not notice")
	}
	m.dead, m.killAt = false, 0
	if power {
		m.cut(rnd)
	}
	complete, err := examine(ctx, m, o.Directory, past, now)
	if err != nil {
		return err
	}
	if least := min(before, o.Policy.Slots()-1); complete < least {
		return fmt.Errorf("%d slots are complete, want at least %d", complete, least)
	}
	open := 0
	slots, err := List(ctx, m, o.Directory)
	if err != nil {
		return err
	}
	for _, s := range slots {
		if !s.Complete() {
			open = s.State.Slot
		}
	}
	m.now += 3600
	sum, err := a.run(ctx, m, o)
	if err != nil {
		return fmt.Errorf("the next run: %w", err)
	}
	if open != 0 && sum.Slot != open {
		return fmt.Errorf("slot %d was interrupted, and the next run took %d", open, sum.Slot)
	}
	complete, err = examine(ctx, m, o.Directory, past, now)
	if err != nil {
		return fmt.Errorf("after the next run: %w", err)
	}
	if least := min(n, o.Policy.Slots()); complete < least {
		return fmt.Errorf("after the next run %d slots are complete, want %d", complete, least)
	}
	if left, err := m.List(ctx, state.Path(o.Directory, sum.Slot)+"/tmp"); err != nil || len(left) > 0 {
		return fmt.Errorf("%d temporary files are left, %v", len(left), err)
	}
	return nil
}
