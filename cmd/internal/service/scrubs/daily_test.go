package scrubs

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAClockThatIsSetStopsNoDailyVerification(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back": -4 * 365 * day, "forward": 4 * 365 * day, "not": 0} {
		synctest.Test(t, func(t *testing.T) {
			var wrong atomic.Int64
			d := &Daily{Now: func() time.Time { return time.Now().Add(time.Duration(wrong.Load())).Round(0) }}
			began := time.Now()
			go func() {
				time.Sleep(10 * time.Minute)
				wrong.Store(int64(jump))
			}()
			if !d.sleep(t.Context(), began.Add(20*time.Hour)) {
				t.Fatal("it ended")
			}
			if waited := time.Since(began); waited > day+time.Hour || jump == 0 && waited < 20*time.Hour {
				t.Errorf("set %s: it waited %s", name, waited)
			}
			if !d.sleep(t.Context(), time.Now().AddDate(9, 0, 0)) {
				t.Fatal("it ended")
			}
			if waited := time.Since(began); waited > 3*day {
				t.Errorf("set %s, with a time that a wrong clock noted: it waited %s", name, waited)
			}
		})
	}
}
