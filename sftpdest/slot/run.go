package slot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
)

// Run backs up src into the slot that is due. It resumes what an earlier run left. On an error the slot stays as it
// is, and the next run goes on with it; lease.ErrBusy, ErrMassChange and store.ErrFull tell causes.
func Run(ctx context.Context, d dest.ReadWriter, src *source.Tree, o Options) (Summary, error) {
	started := time.Now()
	o, err := o.withDefaults()
	if err != nil {
		return Summary{}, fmt.Errorf("back up %s: %w", o.Account, err)
	}
	r := newRotation(d, &o)
	sum, err := r.backup(ctx, src)
	sum.Took = time.Since(started)
	if err != nil {
		if ctx.Err() == nil {
			err = full(ctx, r.Store, o.Directory, err)
		}
		return sum, fmt.Errorf("back up %s: %w", o.Account, err)
	}
	return sum, nil
}

// batchesEarly is how many batches of the source are read while the destination is still asked.
const batchesEarly = 128

// backup holds the lease around everything that changes the slots. The source is looked through meanwhile. Where there is no
// room, slots that the retention has no place for go first, one by one, as long as that may help.
func (r *rotation) backup(ctx context.Context, src *source.Tree) (Summary, error) {
	early := prefetch.Start(src.Walk(ctx), batchesEarly)
	defer early.Close()
	if r.o.DryRun {
		return r.dry(ctx, src, early)
	}
	l, err := r.acquire(ctx)
	if err != nil {
		return Summary{}, err
	}
	defer l.Release(ctx)
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Keep(held, cancel)
	}()
	sum, err := r.leased(held, src, early, l, l.Names())
	for errors.Is(err, errSlotAppeared) || r.madeRoom(held, err) {
		sum, err = r.again(held, src, l)
	}
	defer r.Close()
	if cause := context.Cause(held); err != nil && cause != nil && ctx.Err() == nil {
		err = cause
	}
	cancel(nil)
	<-done
	return sum, err
}

// again is leased for a further time. It has names of its own for temporary files, as another run would.
func (r *rotation) again(ctx context.Context, src *source.Tree, l *lease.Lease) (Summary, error) {
	early := prefetch.Start(src.Walk(ctx), batchesEarly)
	defer early.Close()
	anew := newRotation(r.Raw(), r.o)
	anew.SetFence(l)
	defer anew.Close()
	names, err := anew.List(ctx, r.o.Directory)
	if err != nil {
		return Summary{}, err
	}
	return anew.leased(ctx, src, early, l, names)
}

// dry plans without changing anything.
func (r *rotation) dry(ctx context.Context, src *source.Tree, early *prefetch.Iter[*source.Found]) (Summary, error) {
	slots, err := List(ctx, r, r.o.Directory)
	if err != nil {
		return Summary{}, err
	}
	j, err := r.newJob(ctx, src, early, slots)
	if err != nil {
		return Summary{}, err
	}
	defer j.close()
	return j.survey(ctx)
}

// leased chooses the slot, looks whether the source can be believed, and writes. names are those in the account's directory.
func (r *rotation) leased(ctx context.Context, src *source.Tree, early *prefetch.Iter[*source.Found], l *lease.Lease, names []dest.Info) (Summary, error) {
	o := r.o
	slots := state.Among(names, o.Directory)
	if len(slots) <= store.ListAhead {
		var dirs []string
		for i := range slots {
			dirs = append(dirs, slots[i].Path)
		}
		r.PrefetchLists(ctx, dirs...) // for who reads them
	}
	slots, err := state.ReadAll(ctx, r, o.Directory, slots)
	if err != nil {
		return Summary{}, err
	}
	j, err := r.newJob(ctx, src, early, slots)
	if err != nil {
		return Summary{}, err
	}
	defer j.close()
	sum, err := j.run(ctx, l)
	if err == nil && surplus(slots, j.due.Path, o.Policy.Slots()) {
		if err := r.retire(ctx); err != nil {
			o.Log.Warn("remove surplus slots", "directory", o.Directory, "error", err)
		}
	}
	return sum, err
}

// newJob picks the slot.
func (r *rotation) newJob(ctx context.Context, src *source.Tree, early *prefetch.Iter[*source.Found], slots []Slot) (*job, error) {
	if err := owned(slots, r.o); err != nil {
		return nil, err
	}
	due, reason, err := r.pick(ctx, slots)
	if err != nil {
		return nil, err
	}
	j, err := newJob(ctx, r.Store, r.o, src, early, slots, due, r.held)
	if err == nil {
		j.reason = reason
	}
	return j, err
}
