package scrubs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"slotfs/cmd/internal/schedule"
	"slotfs/cmd/internal/service/history"
)

// Daily has a share of destinations verified each day.
type Daily struct {
	Runner *Runner
	// Last tells when the daily verification of a destination began last that came to its end; zero: none did.
	Last func(name string) time.Time
	Log  *slog.Logger
	Now  func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	cancel context.CancelFunc // of those that are set
	wait   sync.WaitGroup
}

const (
	day = 24 * time.Hour
	// retryAfter is how long after one that failed the next one begins.
	retryAfter = time.Hour
)

// Set replaces what is verified each day. A verification that runs begins anew where it was.
func (d *Daily) Set(ctx context.Context, all []Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
	ctx, d.cancel = context.WithCancel(ctx)
	for _, q := range all {
		d.wait.Go(func() { d.loop(ctx, q) })
	}
}

// Wait returns when ctx of Set has ended and all verifications with it.
func (d *Daily) Wait() { d.wait.Wait() }

func (d *Daily) loop(ctx context.Context, q Request) {
	next := d.Last(q.Destination).Add(day)
	for d.sleep(ctx, next) {
		began := d.Now()
		failed := false
		_ = d.Runner.run(ctx, q, true, func(e Event) { // its error is ctx's
			if e.Finished != nil && e.Finished.Error != "" {
				failed = true
				if ctx.Err() == nil {
					d.Log.Error("daily verification", "destination", q.Destination, "error", e.Finished.Error)
				}
			}
		})
		next = began.Add(day)
		if failed {
			next = d.Now().Add(retryAfter)
		}
	}
}

// sleep waits for a time; false when ctx ended.
func (d *Daily) sleep(ctx context.Context, until time.Time) bool {
	return schedule.Await(ctx, d.Now, soon(until), func(time.Time) {})
}

// soon is a time that is a day ahead at most: one that is further was noted by a clock that was wrong.
type soon time.Time

var _ schedule.Schedule = soon{}

func (s soon) Next(t time.Time) time.Time {
	if most := t.Add(day); time.Time(s).After(most) {
		return most
	}
	return time.Time(s)
}

// LastDaily looks in the history for the daily verification of a destination that ended last.
func LastDaily(f *history.Follower, name string) (last time.Time, err error) {
	err = f.Poll(func(r *history.Record) error {
		if r.Kind == history.Verify && r.Daily && r.Destination == name && r.Error == "" {
			last = r.Began
		}
		return nil
	})
	return last, err
}
