package slot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/archive"
	"slotfs/sftpdest/slot/journal"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/upload"
)

// job writes one backup into one slot.
type job struct {
	s        *store.Store
	o        *Options
	src      *source.Tree
	slots    []Slot         // as they were
	due      Slot           // the one that is written
	reason   string         // why that one
	state    manifest.State // the one that it gets
	opening  opening
	known    known
	surveyor surveyor
	journal  *journal.Journal
	marks    *upload.Marks
	archive  *archive.Archive // nil in another mode
	place    *place.Placer    // nil: nothing was put into place
	list     lister
	counts   *progress.Counts
}

// newJob prepares the backup into a slot. held tells whether somebody reads one.
func newJob(ctx context.Context, s *store.Store, o *Options, src *source.Tree, walked *prefetch.Iter[*source.Found], slots []Slot, due Slot,
	held func(ctx context.Context, slot string) (bool, error)) (*job, error) {
	traits, err := findTraits(ctx, o, slots)
	if err != nil {
		return nil, err
	}
	j := &job{s: s, o: o, src: src, slots: slots, due: due, counts: &progress.Counts{Listener: o.Progress}}
	j.state = nextState(s, o, &due, slots, traits)
	j.surveyor = surveyor{o: o, counts: j.counts, inputs: plan.Inputs{Source: walked}, planner: newPlanner(&due, &j.state, j.isNew())}
	s.NoTimes(j.surveyor.planner.Untimed)
	j.known = known{s: s, log: o.Log}
	j.list = lister{s: s, slot: due.Path, counts: j.counts}
	j.marks = upload.NewMarks(s, due.Path)
	j.opening = opening{
		s: s, o: o, due: &j.due, next: &j.state, held: held, adopt: j.marks.Load, updating: make(chan struct{}),
	}
	if o.Mode == manifest.Compressed {
		j.archive = archive.New(s, due.Path, j.state.Gen, src, j.counts, archive.Options{
			Account: o.Account, Mark: o.tune.mark, Member: o.tune.member, Keep: o.Keep, Now: o.Now, Log: o.Log,
		})
		j.opening.adopt, j.opening.claim = j.archive.Adopt, j.archive.Claim
	}
	j.journal = journal.New(s.Temps(due.Path), j.state.Gen, journal.Options{Segment: o.tune.segment, Age: o.tune.age}, j.opening.waitDurable)
	return j, nil
}

// run writes the backup. Its Summary tells what was done, or, if the source was not even believed, what was planned.
func (j *job) run(ctx context.Context, l *lease.Lease) (Summary, error) {
	if sum, err := j.surveyAndPrepare(ctx); err != nil {
		return sum, err
	}
	if err := j.opening.makeDirs(ctx); err != nil {
		return j.summary(), err
	}
	if j.archive == nil && j.isNew() && !j.opening.fresh {
		return j.summary(), fmt.Errorf("%s: %w", j.due.Path, errSlotAppeared)
	}
	file, err := j.write(ctx)
	var final string
	if err == nil {
		final, err = j.settle(ctx, file, l)
	}
	if err != nil {
		return j.summary(), j.recordFailure(ctx, err)
	}
	if err := j.commit(ctx, final); err != nil {
		return j.summary(), err
	}
	j.journal.End()
	j.tidy(ctx)
	return j.summary(), nil
}

// write brings the source into the slot, all but the commit. It returns the manifest.
func (j *job) write(ctx context.Context) (manifest.File, error) {
	if j.archive != nil {
		return j.writeArchive(ctx)
	}
	return j.writeTree(ctx)
}

// surveyAndPrepare surveys the source. Meanwhile a slot that is there gets ready, and the directories of the account's first one are
// made: there is nothing then that the source could be held against.
func (j *job) surveyAndPrepare(ctx context.Context) (sum Summary, err error) {
	survey := func(ctx context.Context) (err error) {
		sum, err = j.survey(ctx)
		return err
	}
	switch {
	case len(j.slots) == 0:
		return sum, parallel.Do(ctx, j.opening.makeDirs, survey)
	case j.due.Err != nil:
		return sum, survey(ctx)
	}
	err = parallel.Do(ctx, j.opening.prepare, survey)
	if err != nil {
		err = errors.Join(err, j.opening.cancel(ctx))
	}
	return sum, err
}

// survey plans as far as that can be done before anything is changed. Its Summary is that of a dry run.
func (j *job) survey(ctx context.Context) (Summary, error) {
	err := j.fetch(ctx)
	if err == nil {
		err = j.surveyor.survey(ctx)
	}
	sum := j.surveyor.summary()
	sum.Slot, sum.Gen, sum.Reason, sum.Resumed = j.state.Slot, j.state.Gen, j.reason, j.surveyor.planner.Resumed
	sum.Durability = j.s.Durability()
	return sum, err
}

// isNew reports whether nobody has seen the slot yet: if its directory is there nevertheless, an earlier run may still be making it.
func (j *job) isNew() bool {
	return !slices.ContainsFunc(j.slots, func(s Slot) bool { return s.Path == j.due.Path })
}

// fetch learns what earlier runs tell.
func (j *job) fetch(ctx context.Context) error {
	others := others(j.slots, &j.due, j.o.Mode)
	if len(others) == 0 {
		others = siblings(ctx, j.s, j.o)
	}
	if err := j.known.fetch(ctx, j.due.Path, base(j.o, &j.due, j.state.Suspect), others); err != nil {
		return err
	}
	j.surveyor.inputs.Base, j.surveyor.inputs.Donor = j.known.base, j.known.donor
	p := &j.surveyor.planner
	if j.known.damaged {
		p.Listed, p.Resumed = true, true
	}
	if j.known.from != nil {
		resends := j.o.Fill == FillAuto && upload.Resends(j.state.Gen)
		p.OtherJob = dest.Parent(j.known.from.Path) != j.o.Directory
		p.Fills = j.archive == nil && j.o.Fill != FillUpload && !resends && young(&j.known.from.State, j.o.Now())
	}
	if !p.Resumed {
		return nil
	}
	notes, err := readNotes(ctx, j.s, j.due.Path, j.state.Gen, j.o.Log, j.journal)
	p.Notes = notes
	return err
}

func (j *job) close() {
	j.journal.Halt()
	if j.archive != nil {
		j.archive.Close()
	}
	j.surveyor.close()
	j.known.close()
}

// summary tells what was done so far.
func (j *job) summary() Summary {
	c := j.counts
	sum := Summary{
		Slot: j.state.Slot, Gen: j.state.Gen, Reason: j.reason, Resumed: j.surveyor.planner.Resumed || j.archive != nil && j.archive.Resumed(),
		Files: c.Files.Load(), Bytes: c.Bytes.Load(), Uploaded: c.Uploaded.Load(), UploadedBytes: c.UploadedBytes.Load(),
		Copied: c.Copied.Load(), Linked: c.Linked.Load(), Deleted: c.Deleted.Load(), Changed: c.Changed.Load(), Frozen: c.Frozen.Load(),
		Durability: j.s.Durability(), Missing: c.Missing.Load(),
	}
	if j.place != nil {
		sum.Left = j.place.Left()
	}
	return sum
}
