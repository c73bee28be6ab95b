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
)

// look learns what there is and surveys the source. Meanwhile a slot that is there gets ready, and the folders of the
// account's first one are made: there is nothing then that the source could be held against.
func (j *job) look(ctx context.Context) (sum Summary, err error) {
	survey := func(ctx context.Context) (err error) {
		if err = j.learn(ctx); err == nil {
			sum, err = j.survey(ctx)
		}
		return err
	}
	switch {
	case j.first.only:
		return sum, together(ctx, j.folders, survey)
	case j.due.Err != nil:
		return sum, survey(ctx)
	}
	err = together(ctx, j.ready, survey)
	if err != nil && j.mark != "" {
		err = errors.Join(err, j.drop(ctx, j.mark))
	}
	return sum, err
}

// ready makes the folders of the slot and uploads the state that it is about to get, without changing what is there.
func (j *job) ready(ctx context.Context) error {
	if j.mark != "" {
		return nil
	}
	if err := j.folders(ctx); err != nil {
		return err
	}
	return together(ctx, j.anchor, j.inspect, j.putMark)
}

// putMark uploads the state that the slot is about to get. Whether the server keeps times is looked for meanwhile; where it
// does not, the state has to say so.
func (j *job) putMark(ctx context.Context) error {
	if j.o.Mode != manifest.Incremental || j.state.Manifest != nil || j.untimed.Load() {
		return j.putState(ctx)
	}
	err := together(ctx, func(ctx context.Context) error { return j.tryTimes(ctx, j.slot) }, j.putState)
	if err != nil || !j.untimed.Load() {
		return err
	}
	if err := j.drop(ctx, j.mark); err != nil {
		return err
	}
	return j.putState(ctx)
}

func (j *job) putState(ctx context.Context) error {
	state := j.state
	if j.keepsOld() {
		state = j.claimed()
	} else {
		state.Durability, state.Times = j.durability(), j.times()
	}
	mark, err := j.stage(ctx, &state)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	j.mark = mark
	return nil
}

// stage uploads a state to a temporary name.
func (j *job) stage(ctx context.Context, state *manifest.State) (temp string, err error) {
	text, err := state.Encode()
	if err != nil {
		return "", err
	}
	temp, _, err = j.put(ctx, j.slot, text, dest.Attributes{})
	return temp, err
}

// begin makes the slot's new state durable, and after that takes away what earlier runs have on their way. Names below data/
// may change from then on.
func (j *job) begin(ctx context.Context) error {
	if err := j.ready(ctx); err != nil {
		return err
	}
	if err := j.move(ctx, j.mark, j.slot+"/"+stateName); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	dirs := []string{j.slot}
	if !j.clean {
		dirs = append(dirs, j.slot+"/meta", j.slot+"/tmp")
	}
	j.ahead(ctx, dirs...)
	err := together(ctx, func(ctx context.Context) error { return j.syncDir(ctx, j.slot) }, j.yield)
	if err != nil {
		return err
	}
	if !j.clean {
		if err := j.supersede(ctx); err != nil {
			return err
		}
	}
	close(j.begun)
	return nil
}

// supersede takes over or away what earlier runs have on their way.
func (j *job) supersede(ctx context.Context) error {
	err := j.parts.load(ctx)
	if err == nil && j.o.Mode == manifest.Compressed {
		j.earlier, err = j.adoptArchive(ctx)
	}
	if err != nil {
		return err
	}
	if err := j.sweepSlot(ctx, j.slot, false); err != nil {
		return err
	}
	// A late request of the run before may have replaced the state, and its checkpoint, until its temporary files were gone.
	if err := j.mine(ctx); err != nil || j.earlier == nil {
		return err
	}
	j.plan.resumed = true
	return j.putCheckpoint(ctx, &j.earlier.point)
}

// may returns when names below data/ may change. In a slot that this run made nothing can be taken for a backup before the state
// is there.
func (j *job) may(ctx context.Context) error {
	if j.fresh {
		return nil
	}
	return j.stated(ctx)
}

// stated returns when the slot's new state is durable.
func (j *job) stated(ctx context.Context) error {
	select {
	case <-j.begun:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inspect looks whether earlier runs have anything on their way, the account being ours. What moves something to its name
// is sent when the temporary file is known to be there: without one nothing of theirs can come late.
func (j *job) inspect(ctx context.Context) error {
	var temps, notes []dest.Info
	err := together(ctx, func(ctx context.Context) (err error) {
		temps, err = j.List(ctx, join(j.slot, "tmp"))
		return err
	}, func(ctx context.Context) (err error) {
		notes, err = j.List(ctx, join(j.slot, "meta"))
		return err
	})
	theirs := func(info dest.Info) bool { return !strings.HasPrefix(info.Name, j.run+"-") }
	mark := func(info dest.Info) bool {
		return strings.HasPrefix(info.Name, partPrefix) || manifest.IsCheckpoint(info.Name)
	}
	j.clean = err == nil && !slices.ContainsFunc(temps, theirs) && !slices.ContainsFunc(notes, mark)
	return err
}

// folders makes those of the slot that are not there.
func (j *job) folders(ctx context.Context) error {
	if j.made {
		return nil
	}
	names, err := j.glance(j.slot)
	known := names != nil && err == nil
	if !known {
		if j.fresh, err = j.open(ctx); err != nil {
			return err
		}
	}
	there := func(dir string) bool {
		return slices.ContainsFunc(names, func(info dest.Info) bool { return info.Name == dir && isDir(info.Mode) })
	}
	inside, other := []string{"tmp", "meta", "data"}, "archive"
	if j.o.Mode == manifest.Compressed {
		inside[2], other = other, inside[2]
	}
	if !known && !j.fresh || there(other) {
		j.other = other
	}
	inside = slices.DeleteFunc(inside, there)
	err = each(ctx, max(1, len(inside)), inside, func(ctx context.Context, dir string) error {
		if j.fresh {
			return j.ensureDir(ctx, join(j.slot, dir), 0o700)
		}
		return j.ensureThere(ctx, join(j.slot, dir))
	})
	j.made = err == nil
	return err
}

// open makes the folder of the slot, and reports whether it was not there: then nothing of earlier runs can be below it, nor
// come there, because nobody else made it.
func (j *job) open(ctx context.Context) (fresh bool, err error) {
	if !errors.Is(j.due.Err, fs.ErrNotExist) {
		return false, j.ensureThere(ctx, j.slot)
	}
	switch err := j.Mkdir(ctx, j.slot, 0o700); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case errors.Is(err, dest.ErrUnreachable): // it may have been made
		return false, j.ensureDir(ctx, j.slot, 0o700)
	default:
		return false, err
	}
}

// anchor makes the names of the slot's folders and of those above durable: also those that an earlier run made and had no
// time for.
func (j *job) anchor(ctx context.Context) error {
	around := []string{""}
	for dir := j.slot; dir != ""; dir = dest.Parent(dir) {
		around = append(around, dir)
	}
	return each(ctx, len(around), around, j.syncDir)
}

// yield gives a complete slot back if somebody began to read it before its new state was there.
func (j *job) yield(ctx context.Context) error {
	if !j.due.Complete() {
		return nil
	}
	held, err := j.held(ctx, j.o, j.slot)
	if err != nil || !held {
		return err
	}
	text, err := j.due.State.Encode()
	if err == nil {
		err = j.replace(ctx, j.slot, stateName, text)
	}
	return errors.Join(fmt.Errorf("%s: %w", j.slot, errAllKept), err)
}
