package passes

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// stallLimit is how long a pass may go on without getting anywhere, whatever the retries of the destination allow: the next
// one is not to be kept from beginning.
const stallLimit = 30 * time.Minute

// watched is a pass's progress, and ends the pass when there is none for the limit.
type watched struct {
	indexer.Progress
	moved atomic.Int64 // how often something was told
}

func (w *watched) Walked(directories, backups int) {
	w.moved.Add(1)
	w.Progress.Walked(directories, backups)
}

func (w *watched) Began(s *backup.Source, size, from int64) {
	w.moved.Add(1)
	w.Progress.Began(s, size, from)
}

func (w *watched) Read(s *backup.Source, done int64) {
	w.moved.Add(1)
	w.Progress.Read(s, done)
}

func (w *watched) Ended(s *backup.Source, snapshot *backup.Snapshot, err error) {
	w.moved.Add(1)
	w.Progress.Ended(s, snapshot, err)
}

// watch runs a pass over the destination name until it ends, or until nothing was told for the limit.
func watch(ctx context.Context, name string, limit time.Duration, p indexer.Progress, pass func(context.Context, indexer.Progress) error) error {
	stalled := fmt.Errorf("index %s: no progress for %v: %w", name, limit, dest.ErrUnreachable)
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watched{Progress: p}
	over := make(chan struct{})
	defer close(over)
	go func() {
		tick := time.NewTicker(limit)
		defer tick.Stop()
		for last := int64(-1); ; {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			now := w.moved.Load()
			if now == last {
				cancel(stalled)
				return
			}
			last = now
		}
	}()
	err := pass(inner, w)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil && errors.Is(context.Cause(inner), stalled) {
		return stalled
	}
	return err
}
