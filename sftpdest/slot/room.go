package slot

import (
	"context"
	"errors"

	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/store"
)

// full adds ErrFull to an error whose cause is that the server has no room.
func full(ctx context.Context, s *store.Store, dir string, err error) error {
	for _, other := range []error{ErrBusy, ErrMassChange, ErrForeign, ErrAllKept} {
		if errors.Is(err, other) {
			return err
		}
	}
	return s.ClassifyNoSpace(ctx, dir, err)
}

// recordFailure notes, after a failure, what can still be noted, and gives back the room of what the next run could not go on
// with. It returns the failure, and whether room was its cause.
func (j *job) recordFailure(ctx context.Context, failure error) error {
	j.journal.Halt()
	if ctx.Err() == nil {
		failure = full(ctx, j.s, j.o.Directory, failure)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Grace)
	defer cancel()
	sweep := func(ctx context.Context) error { return j.s.Temps(j.due.Path).SweepOwn(ctx) }
	steps := []func(context.Context) error{j.flushJournal, sweep}
	switch {
	case errors.Is(failure, store.ErrFull):
		steps = []func(context.Context) error{sweep, j.flushJournal, sweep} // the journal may not fit either
	case errors.Is(failure, lease.ErrBusy):
		steps = steps[1:] // the journal is that of another run
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			j.o.Log.Debug("leave the slot", "slot", j.due.Path, "error", err)
		}
	}
	return failure
}

// flushJournal writes what is left of the journal, if there is a state that it belongs to.
func (j *job) flushJournal(ctx context.Context) error {
	if j.opening.durable() {
		return j.journal.Flush(ctx)
	}
	return nil
}
