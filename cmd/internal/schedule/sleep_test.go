package schedule

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestClockThatIsSetBackDoesNotStopASchedule would hang for years of synthetic time without the look at the clock.
func TestClockThatIsSetBackDoesNotStopASchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		daily, err := Parse("05:30")
		if err != nil {
			t.Fatal(err)
		}
		var wrong atomic.Int64 // how far the clock is ahead
		wrong.Store(int64(4 * 365 * 24 * time.Hour))
		now := func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }
		began := time.Now()
		var told []time.Time
		go func() {
			time.Sleep(10 * time.Minute)
			wrong.Store(0)
		}()
		if !Await(t.Context(), now, daily, func(next time.Time) { told = append(told, next) }) {
			t.Fatal("it ended")
		}
		if waited := time.Since(began); waited > 24*time.Hour || len(told) != 2 || told[1].After(told[0]) {
			t.Errorf("waited %s for %v", waited, told)
		}
	})
}

func TestClockThatIsSetForwardMakesOnePassDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		every, err := Parse("every 6h")
		if err != nil {
			t.Fatal(err)
		}
		var wrong atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		go func() {
			time.Sleep(10 * time.Minute)
			wrong.Store(int64(4 * 365 * 24 * time.Hour))
		}()
		due := 0
		for Await(ctx, now, every, func(time.Time) {}) {
			due++
		}
		if due != 1 {
			t.Errorf("%d were due", due)
		}
	})
}

// A window that opens at night is waited for until that night, whatever becomes of the clock.
func TestClockThatIsSetDoesNotKeepAWindowShutForYears(t *testing.T) {
	window, err := ParseWindow("01:00-05:00")
	if err != nil {
		t.Fatal(err)
	}
	for name, jump := range map[string]time.Duration{"back": -4 * 365 * 24 * time.Hour, "forward": 4 * 365 * 24 * time.Hour, "not": 0} {
		synctest.Test(t, func(t *testing.T) {
			var wrong atomic.Int64
			now := func() time.Time { return time.Now().Add(time.Duration(wrong.Load())).In(time.UTC) }
			time.Sleep(12 * time.Hour) // until noon
			began, begins := time.Now(), time.Time{}
			go func() {
				time.Sleep(10 * time.Minute)
				wrong.Store(int64(jump))
			}()
			if !Await(t.Context(), now, Opening{Window: window, Late: 30 * time.Minute}, func(next time.Time) { begins = next }) {
				t.Fatal("it ended")
			}
			if waited := time.Since(began); waited > 24*time.Hour || jump == 0 && waited != 13*time.Hour+30*time.Minute {
				t.Errorf("set %s: it waited %s for %v", name, waited, begins)
			}
		})
	}
}

func TestWindowThatIsOpenIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !Await(t.Context(), time.Now, Opening{}, func(time.Time) {}) || time.Since(began) != 0 {
			t.Errorf("it waited %s", time.Since(began))
		}
	})
}
