package slot

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/upload"
)

// writeTree brings data/ up to date and uploads the manifest. It ends with everything durable but names and the state.
func (j *job) writeTree(ctx context.Context) (file manifest.File, err error) {
	list, err := spool.New()
	if err != nil {
		return file, err
	}
	defer func() { list.Close() }()
	j.journal.Keep(ctx)
	j.place = place.New(j.s, j.journal, j.counts, place.Options{
		Directory: j.o.Directory, Slot: j.due.Path, Listed: j.surveyor.planner.Listed, Lanes: j.o.Lanes, Log: j.o.Log, Updating: j.opening.waitUpdating,
	})
	if p := j.surveyor.plan; p != nil && p.Idle() { // only the manifest is written
		list.Close()
		file, list = p.TakeIdle()
		j.counts.Files.Store(p.Files)
		j.counts.Bytes.Store(p.Bytes)
		err = parallel.Do(ctx, j.opening.begin, func(ctx context.Context) error { return j.list.put(ctx, list, file.Size) })
	} else {
		file, err = j.updateTree(ctx, list)
	}
	if err != nil {
		return file, err
	}
	if anew, amended, err := j.place.Amend(ctx, list); err != nil {
		return file, err
	} else if anew != nil {
		list.Close()
		file, list = amended, anew
		if err := j.list.put(ctx, list, file.Size); err != nil {
			return file, err
		}
	}
	file.Name = manifest.Name(j.state.Gen)
	// Deletions come last: until here, what a broken run leaves is the old backup and more.
	return file, j.place.Delete(ctx)
}

// updateTree makes the new state durable and does what is planned. Uploads to tmp/ begin before.
func (j *job) updateTree(ctx context.Context, list *os.File) (file manifest.File, err error) {
	lanes := j.newLanes()
	err = parallel.Do(ctx, j.opening.begin, func(ctx context.Context) error {
		actions, err := j.actions(ctx)
		if err != nil {
			return err
		}
		t := &tree{slot: j.due.Path, actions: actions, place: j.place, building: stagedDirs{small: j.o.tune.small}}
		file, err = t.update(ctx, j.s, lanes, j.o.Lanes, &j.list, list)
		return err
	})
	return file, err
}

// newLanes is what does on the server what is planned.
func (j *job) newLanes() *lanes {
	o := upload.Options{
		Small: j.o.tune.small, Wide: j.o.tune.wide, Mark: j.o.tune.mark, Link: j.o.Fill == FillLink, Now: j.o.Now, Log: j.o.Log,
		StateDurable: j.opening.waitDurable,
	}
	if j.known.from != nil {
		o.Donor = j.known.from.Path
	}
	return &lanes{
		upload: upload.New(j.s, j.due.Path, j.src, j.marks, j.counts, o), place: j.place,
		staged:   stager{s: j.s, slot: j.due.Path, place: j.place, lanes: j.o.Lanes, log: j.o.Log},
		suspects: &store.Suspects{}, counts: j.counts, log: j.o.Log, small: j.o.tune.small,
		noRoom: j.opening.leftovers(), updating: j.opening.waitUpdating,
	}
}

// actions are what has to be done.
func (j *job) actions(ctx context.Context) (iter.Seq2[*plan.Action, error], error) {
	if j.surveyor.plan != nil {
		return j.surveyor.plan.Actions(ctx), nil
	}
	j.o.Log.Info("list the slot", "slot", j.due.Path, "notes", len(j.surveyor.planner.Notes))
	if err := j.opening.waitUpdating(ctx); err != nil { // until then, what earlier runs sent may still come
		return nil, err
	}
	names, err := j.known.names(j.surveyor.planner.Notes)
	if err != nil {
		return nil, err
	}
	listed, err := list(ctx, j.s, j.due.Path, names, j.surveyor.planner.Clashes)
	if err != nil {
		return nil, err
	}
	if err := j.surveyor.makeListed(ctx, listed); err != nil {
		return nil, err
	}
	return j.surveyor.plan.Actions(ctx), nil
}
