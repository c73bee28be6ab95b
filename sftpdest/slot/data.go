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
	if j.opening.fresh {
		j.planner.Listed = false
	}
	list, err := spool.New()
	if err != nil {
		return file, err
	}
	defer func() { list.Close() }()
	j.journal.Keep(ctx)
	j.place = place.New(j.s, j.journal, j.counts, place.Options{
		Directory: j.o.Directory, Slot: j.due.Path, Listed: j.planner.Listed, Lanes: j.o.Lanes, Log: j.o.Log, Updating: j.opening.waitUpdating,
	})
	if f, idle := j.found.TakeIdle(); idle != nil { // the survey found nothing to do
		list.Close()
		file, list = f, idle
		j.counts.Files.Store(j.found.Files)
		j.counts.Bytes.Store(j.found.Bytes)
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

// actions are what has to be done, by the survey's plan or by what a listing tells.
func (j *job) actions(ctx context.Context) (iter.Seq2[*plan.Action, error], error) {
	if !j.planner.Listed {
		return j.found.Actions(ctx, &j.planner, j.known.base, j.known.donor, nil), nil
	}
	j.o.Log.Info("list the slot", "slot", j.due.Path, "notes", len(j.planner.Notes))
	if err := j.opening.waitUpdating(ctx); err != nil { // until then, what earlier runs sent may still come
		return nil, err
	}
	names, err := j.known.names(j.planner.Notes)
	if err == nil && j.planner.Clashes != nil {
		err = findClashes(store.Walk(ctx, j.s, j.due.Path+"/data", names), j.planner.Clashes)
	}
	if err != nil {
		return nil, err
	}
	listed := present(store.Walk(ctx, j.s, j.due.Path+"/data", names))
	return j.found.Actions(ctx, &j.planner, j.known.base, j.known.donor, listed), nil
}

// findClashes finds the names in the slot that clash with others, where only a listing tells them.
func findClashes(listed iter.Seq2[store.Present, error], clashes *plan.Clashes) error {
	for p, err := range listed {
		if err != nil {
			return err
		}
		if manifest.Base(p.At) == manifest.Base(p.Path) {
			clashes.Add(p.Path)
		}
	}
	return nil
}

// present tells what a listing shows in the words of the plan.
func present(names iter.Seq2[store.Present, error]) iter.Seq2[plan.Present, error] {
	return func(yield func(plan.Present, error) bool) {
		for p, err := range names {
			if !yield(plan.Present{Path: p.Path, At: p.At, Mode: p.Info.Mode, Size: p.Info.Size, MTime: p.Info.MTime}, err) {
				return
			}
		}
	}
}
