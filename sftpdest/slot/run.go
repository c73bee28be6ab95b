package slot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/archive"
	"slotfs/sftpdest/slot/journal"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/spool"
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

// rotation is the slots of one account.
type rotation struct {
	*store.Store
	o *Options
}

func newRotation(d dest.ReadWriter, o *Options) *rotation {
	return &rotation{store.New(d, o.Budget), o}
}

// acquire takes the account.
func (r *rotation) acquire(ctx context.Context) (*lease.Lease, error) {
	return lease.Acquire(ctx, r.Store, r.o.Directory, r.o.leases())
}

// held reports whether somebody reads a slot.
func (r *rotation) held(ctx context.Context, slot string) (bool, error) {
	return lease.Held(ctx, r.Store, r.o.leases(), r.o.Directory, slot)
}

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
	for r.madeRoom(held, err) {
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
	if err := j.loadManifests(ctx); err != nil {
		return Summary{}, err
	}
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
	if sum, err := j.surveyAndPrepare(ctx); err != nil {
		return sum, err
	}
	if err := j.makeDirs(ctx); err != nil {
		return j.summary(), err
	}
	file, err := j.write(ctx)
	if err != nil {
		return j.summary(), j.recordFailure(ctx, err)
	}
	if err := j.commit(ctx, file, l); err != nil {
		return j.summary(), err
	}
	j.journal.End()
	j.tidy(ctx)
	if surplus(slots, j.slot, o.Policy.Slots()) {
		if err := r.retire(ctx); err != nil {
			o.Log.Warn("remove surplus slots", "directory", o.Directory, "error", err)
		}
	}
	return j.summary(), nil
}

// write brings the source into the slot, all but the commit. It returns the manifest.
func (j *job) write(ctx context.Context) (manifest.File, error) {
	if j.o.Mode == manifest.Incremental {
		return j.writeTree(ctx)
	}
	return j.writeArchive(ctx)
}

// writeArchive writes the source as an archive, and the manifest.
func (j *job) writeArchive(ctx context.Context) (file manifest.File, err error) {
	if err := j.begin(ctx); err != nil {
		return file, err
	}
	if err := j.sweepArchives(ctx); err != nil {
		j.o.Log.Warn("tidy up", "directory", j.o.Directory, "error", err)
	}
	list, err := spool.New()
	if err != nil {
		return file, err
	}
	defer list.Close()
	if j.state.Archive, file, err = j.archive.Write(ctx, list); err != nil {
		return file, err
	}
	file.Name = manifest.Name(j.state.Gen)
	return file, j.putManifest(ctx, list, &file)
}

// sweepArchives removes from the account's other slots what runs left there that ended between a new archive and the removal
// of the one before it.
func (j *job) sweepArchives(ctx context.Context) error {
	for i := range j.slots {
		s := &j.slots[i]
		if s.Path == j.slot || !s.Complete() || s.State.Mode != manifest.Compressed {
			continue
		}
		if err := errors.Join(archive.Sweep(ctx, j.Store, s.Path, s.State.Archive), j.SweepTemp(ctx, s.Path, false)); err != nil {
			return err
		}
	}
	return nil
}

// newJob picks the slot.
func (r *rotation) newJob(ctx context.Context, src *source.Tree, early *prefetch.Iter[*source.Found], slots []Slot) (*job, error) {
	o := r.o
	if err := owned(slots, o); err != nil {
		return nil, err
	}
	due, reason, err := r.pick(ctx, slots)
	if err != nil {
		return nil, err
	}
	j := &job{
		rotation: r, src: src, walked: early, due: due, reason: reason, slot: due.Path, plan: plan.New(),
		marks: &uploadMarks{s: r.Store, slot: due.Path}, slots: slots, updating: make(chan struct{}),
		count: &progress.Counts{Listener: o.Progress},
	}
	j.only = len(slots) == 0
	if err := j.traits(ctx); err != nil {
		return nil, err
	}
	gen := uint64(0)
	for _, s := range slots {
		gen = max(gen, s.State.Gen)
	}
	j.next(&due, gen, o)
	if o.Mode == manifest.Compressed {
		j.archive = archive.New(r.Store, j.slot, j.state.Gen, src, j.count, archive.Options{
			Account: o.Account, Mark: o.tune.mark, Member: o.tune.member, Keep: o.Keep, Now: o.Now, Log: o.Log,
		})
	}
	j.journal = journal.New(r.Store, j.slot, j.state.Gen, journal.Options{Segment: o.tune.segment, Age: o.tune.age}, j.waitStateDurable)
	return j, nil
}

// next is the state that the slot gets before anything changes in it.
func (j *job) next(due *Slot, newest uint64, o *Options) {
	old := &due.State
	interrupted := due.Err == nil && (old.Phase == manifest.Filling || old.Phase == manifest.Updating)
	j.state = manifest.State{
		Slot: old.Slot, Gen: newest + 1, Phase: manifest.Updating, Mode: o.Mode, Run: j.Run,
		Epoch: old.Epoch + 1, Started: o.Now(), BaseGen: old.Gen, Manifest: old.Manifest, Finished: old.Finished,
		Durability: j.Durability(), Host: o.Host, Machine: o.Machine, Account: o.Account, Job: o.Job, Tool: o.Tool, Pinned: old.Pinned,
		Traits: j.plan.Traits,
	}
	if old.Mode != o.Mode {
		j.state.Manifest = nil // it tells nothing of what will be there
	}
	if j.state.Manifest == nil {
		j.state.Phase = manifest.Filling
	}
	if interrupted {
		j.state.BaseGen = old.BaseGen
		if old.Gen == newest {
			j.state.Gen = old.Gen
		}
	}
	// What is there beyond the manifest is only known to the server.
	j.plan.Suspect = o.Mode == manifest.Incremental && (old.Phase == manifest.Damaged || old.Suspect)
	j.state.Suspect = j.plan.Suspect
	j.plan.Resumed = interrupted || old.Phase == manifest.Damaged || due.Err != nil && due.State.Phase != ""
	j.NoTimes(old.Times == manifest.NoTimes) // files that are kept have the times that they got
	j.plan.Untimed = !j.KeepsTimes()
	j.plan.Listed = j.plan.Resumed || old.Durability == "none" || due.Err != nil
}

func (j *job) close() {
	j.journal.Halt()
	if j.archive != nil {
		j.archive.Close()
	}
	if j.found != nil {
		j.found.Close()
	}
	for _, spool := range []*os.File{j.base, j.donor} {
		if spool != nil {
			spool.Close()
		}
	}
}

// verifyOwnership makes sure that no other run took the slot.
func (j *job) verifyOwnership(ctx context.Context) error {
	text, err := state.Load(ctx, j, j.slot)
	if err != nil {
		return err
	}
	now, err := manifest.DecodeState(text)
	if err != nil {
		return err
	}
	if now.Run != j.Run || now.Epoch != j.state.Epoch {
		return fmt.Errorf("%s was taken over by run %s: %w", j.slot, now.Run, lease.ErrBusy)
	}
	return nil
}

// summary tells what was done so far.
func (j *job) summary() Summary {
	return Summary{
		Slot: j.state.Slot, Gen: j.state.Gen, Reason: j.reason, Resumed: j.plan.Resumed,
		Files: j.count.Files.Load(), Bytes: j.count.Bytes.Load(),
		Uploaded: j.count.Uploaded.Load(), UploadedBytes: j.count.UploadedBytes.Load(),
		Copied: j.count.Copied.Load(), Linked: j.count.Linked.Load(), Deleted: j.count.Deleted.Load(),
		Changed: j.count.Changed.Load(), Frozen: j.count.Frozen.Load(), Durability: j.Durability(),
		Missing: j.count.Missing.Load(), Left: j.left.named,
	}
}
