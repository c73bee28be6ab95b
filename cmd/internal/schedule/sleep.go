package schedule

import (
	"context"
	"time"
)

// longestSleep bounds one sleep: the clock may be set while it lasts.
const longestSleep = time.Minute

// Sleep waits for a time of the clock that now reads; false when ctx ended.
func Sleep(ctx context.Context, now func() time.Time, until time.Time) bool {
	for {
		left := until.Sub(now())
		if left <= 0 {
			return ctx.Err() == nil
		}
		t := time.NewTimer(min(left, longestSleep))
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-t.C:
		}
	}
}
