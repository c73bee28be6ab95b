package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/store"
)

// surveyAndPrepare learns what there is and surveys the source. Meanwhile a slot that is there gets ready, and the directories of the
// account's first one are made: there is nothing then that the source could be held against.
func (j *job) surveyAndPrepare(ctx context.Context) (sum Summary, err error) {
	survey := func(ctx context.Context) (err error) {
		if err = j.loadManifests(ctx); err == nil {
			sum, err = j.survey(ctx)
		}
		return err
	}
	switch {
	case j.only:
		return sum, parallel.Do(ctx, j.makeDirs, survey)
	case j.due.Err != nil:
		return sum, survey(ctx)
	}
	err = parallel.Do(ctx, j.prepareSlot, survey)
	if err != nil && j.mark != "" {
		err = errors.Join(err, j.Remove(ctx, j.mark))
	}
	return sum, err
}

// prepareSlot makes the directories of the slot and uploads the state that it is about to get, without changing what is there.
func (j *job) prepareSlot(ctx context.Context) error {
	if j.mark != "" {
		return nil
	}
	if err := j.makeDirs(ctx); err != nil {
		return err
	}
	return parallel.Do(ctx, j.syncParentDirs, j.inspect, j.putMark)
}

// putMark uploads the state that the slot is about to get. Whether the server keeps times is looked for meanwhile; where it
// does not, the state has to say so.
func (j *job) putMark(ctx context.Context) error {
	if j.o.Mode != manifest.Incremental || j.state.Manifest != nil || !j.KeepsTimes() {
		return j.putState(ctx)
	}
	err := parallel.Do(ctx, func(ctx context.Context) error { return j.TryTimes(ctx, j.slot) }, j.putState)
	if err != nil || j.KeepsTimes() {
		return err
	}
	if err := j.Remove(ctx, j.mark); err != nil {
		return err
	}
	return j.putState(ctx)
}

func (j *job) putState(ctx context.Context) error {
	next := j.state
	if j.keepsOld() {
		next = j.claimed()
	} else {
		next.Durability, next.Times = j.Durability(), j.Times()
	}
	mark, err := j.stage(ctx, &next)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	j.mark = mark
	return nil
}

// stage uploads a state to a temporary name.
func (j *job) stage(ctx context.Context, s *manifest.State) (temp string, err error) {
	text, err := s.Encode()
	if err != nil {
		return "", err
	}
	temp, _, err = j.PutTemp(ctx, j.slot, text, dest.Attributes{})
	return temp, err
}

// begin makes the slot's new state durable, and after that takes away what earlier runs have on their way. Names below data/
// may change from then on.
func (j *job) begin(ctx context.Context) error {
	if err := j.prepareSlot(ctx); err != nil {
		return err
	}
	if err := j.Rename(ctx, j.mark, j.slot+"/"+manifest.StateName); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	dirs := []string{j.slot}
	if !j.clean {
		dirs = append(dirs, j.slot+"/meta", j.slot+"/tmp")
	}
	j.PrefetchLists(ctx, dirs...)
	err := parallel.Do(ctx, func(ctx context.Context) error { return j.SyncDir(ctx, j.slot) }, j.abortIfHeld)
	if err != nil {
		return err
	}
	if !j.clean {
		if err := j.takeOverTemps(ctx); err != nil {
			return err
		}
	}
	close(j.updating)
	return nil
}

// takeOverTemps takes over or away what earlier runs have on their way.
func (j *job) takeOverTemps(ctx context.Context) error {
	err, resumed := j.marks.load(ctx), false
	if err == nil && j.archive != nil {
		resumed, err = j.archive.Adopt(ctx)
	}
	if err != nil {
		return err
	}
	if err := j.SweepTemp(ctx, j.slot, false); err != nil {
		return err
	}
	// A late request of the run before may have replaced the state, and its checkpoint, until its temporary files were gone.
	if err := j.verifyOwnership(ctx); err != nil || !resumed {
		return err
	}
	j.plan.Resumed = true
	return j.archive.Claim(ctx)
}

// waitUpdating blocks until state.json is durable as "updating": only then may names below data/ change. A slot that this run made
// need not wait: without a state it is not a backup.
func (j *job) waitUpdating(ctx context.Context) error {
	if j.fresh {
		return nil
	}
	return j.waitStateDurable(ctx)
}

// waitStateDurable returns when the slot's new state is durable.
func (j *job) waitStateDurable(ctx context.Context) error {
	select {
	case <-j.updating:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inspect looks whether earlier runs have anything on their way, the account being ours. What moves something to its name
// is sent when the temporary file is known to be there: without one nothing of theirs can come late.
func (j *job) inspect(ctx context.Context) error {
	var temps, notes []dest.Info
	err := parallel.Do(ctx, func(ctx context.Context) (err error) {
		temps, err = j.List(ctx, manifest.Join(j.slot, "tmp"))
		return err
	}, func(ctx context.Context) (err error) {
		notes, err = j.List(ctx, manifest.Join(j.slot, "meta"))
		return err
	})
	theirs := func(info dest.Info) bool { return !strings.HasPrefix(info.Name, j.Run+"-") }
	mark := func(info dest.Info) bool {
		return strings.HasPrefix(info.Name, partPrefix) || manifest.IsCheckpoint(info.Name)
	}
	j.clean = err == nil && !slices.ContainsFunc(temps, theirs) && !slices.ContainsFunc(notes, mark)
	return err
}

// makeDirs makes those of the slot that are not there.
func (j *job) makeDirs(ctx context.Context) error {
	if j.dirsMade {
		return nil
	}
	names, err := j.PeekPrefetched(j.slot)
	known := names != nil && err == nil
	if !known {
		if j.fresh, err = j.open(ctx); err != nil {
			return err
		}
	}
	there := func(dir string) bool {
		return slices.ContainsFunc(names, func(info dest.Info) bool { return info.Name == dir && store.IsDir(info.Mode) })
	}
	inside, other := []string{"tmp", "meta", "data"}, "archive"
	if j.o.Mode == manifest.Compressed {
		inside[2], other = other, inside[2]
	}
	if !known && !j.fresh || there(other) {
		j.other = other
	}
	inside = slices.DeleteFunc(inside, there)
	err = parallel.Each(ctx, max(1, len(inside)), inside, func(ctx context.Context, dir string) error {
		if j.fresh {
			return j.MakeDir(ctx, manifest.Join(j.slot, dir), 0o700)
		}
		return j.MakeDirIfMissing(ctx, manifest.Join(j.slot, dir))
	})
	j.dirsMade = err == nil
	return err
}

// open makes the directory of the slot, and reports whether it was not there: then nothing of earlier runs can be below it, nor
// come there, because nobody else made it.
func (j *job) open(ctx context.Context) (fresh bool, err error) {
	if !errors.Is(j.due.Err, fs.ErrNotExist) {
		return false, j.MakeDirIfMissing(ctx, j.slot)
	}
	return j.MakeNewDir(ctx, j.slot)
}

// syncParentDirs makes the names of the slot's directories and of those above durable: also those that an earlier run made and had no
// time for.
func (j *job) syncParentDirs(ctx context.Context) error {
	around := []string{""}
	for dir := j.slot; dir != ""; dir = dest.Parent(dir) {
		around = append(around, dir)
	}
	return parallel.Each(ctx, len(around), around, j.SyncDir)
}

// abortIfHeld gives a complete slot back if somebody began to read it before its new state was there.
func (j *job) abortIfHeld(ctx context.Context) error {
	if !j.due.Complete() {
		return nil
	}
	held, err := j.held(ctx, j.slot)
	if err != nil || !held {
		return err
	}
	text, err := j.due.State.Encode()
	if err == nil {
		err = j.Replace(ctx, j.slot, manifest.StateName, text)
	}
	return errors.Join(fmt.Errorf("%s: %w", j.slot, ErrAllKept), err)
}

// keepsOld reports whether the slot's backup stays one until the new one is there.
func (j *job) keepsOld() bool { return j.archive != nil && j.due.Complete() }

// claimed is the state of a slot whose backup stays one, with this run entered.
func (j *job) claimed() manifest.State {
	old := j.due.State
	old.Run, old.Epoch = j.state.Run, j.state.Epoch
	return old
}
