package schedule

import (
	"context"
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
		wrong := 4 * 365 * 24 * time.Hour // ahead
		now := func() time.Time { return time.Now().Add(wrong) }
		began := time.Now()
		var told []time.Time
		go func() {
			time.Sleep(10 * time.Minute)
			wrong = 0
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
		wrong := time.Duration(0)
		now := func() time.Time { return time.Now().Add(wrong) }
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		go func() {
			time.Sleep(10 * time.Minute)
			wrong = 4 * 365 * 24 * time.Hour
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
