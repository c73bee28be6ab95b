package schedule

import (
	"context"
	"time"
)

// longestSleep bounds one sleep: the clock may be set while it lasts.
const longestSleep = time.Minute

// setBack is from how much on a clock that goes back was set, and not adjusted.
const setBack = time.Minute

// Await waits for the next time of a schedule, which told gets; false when ctx ended, or there is none. Where the clock is set back
// meanwhile the next time is another one: it may have been years ahead before.
func Await(ctx context.Context, now func() time.Time, s Schedule, told func(next time.Time)) bool {
	for {
		last := now().Round(0) // the clock on the wall is what may be set
		next := s.Next(last)
		if next.IsZero() {
			return false
		}
		told(next)
		for at := last; !at.Before(last.Add(-setBack)); at = now().Round(0) {
			last = at
			if !at.Before(next) {
				return ctx.Err() == nil
			}
			if !pause(ctx, min(next.Sub(at), longestSleep)) {
				return false
			}
		}
	}
}

// pause returns false when ctx ended before a time has passed.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
