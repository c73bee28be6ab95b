package slot

import (
	"context"
	"errors"
	"fmt"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// look surveys the source. Meanwhile a slot that is there gets ready.
func (j *job) look(ctx context.Context) (sum Summary, err error) {
	if j.due.Err != nil {
		return j.survey(ctx)
	}
	err = together(ctx, j.ready, func(ctx context.Context) (err error) {
		sum, err = j.survey(ctx)
		return err
	})
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
	if j.o.Mode == manifest.Incremental && j.state.Manifest == nil && !j.untimed.Load() {
		if err := j.tryTimes(ctx, j.slot); err != nil {
			return err
		}
	}
	state := j.state
	if j.keepsOld() {
		state = j.claimed()
	} else {
		state.Durability, state.Times = j.durability(), j.times()
	}
	text, err := state.Encode()
	if err != nil {
		return err
	}
	mark, _, err := j.put(ctx, j.slot, text, dest.Attributes{})
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	j.mark = mark
	return nil
}

// begin makes the slot's new state durable, and after that takes away what earlier runs have on their way.
func (j *job) begin(ctx context.Context) error {
	if err := j.ready(ctx); err != nil {
		return err
	}
	if err := j.install(ctx, j.mark, j.slot+"/"+stateName); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	j.ahead(ctx, j.slot, j.slot+"/meta", j.slot+"/tmp")
	if err := j.yield(ctx); err != nil {
		return err
	}
	if err := j.parts.load(ctx); err != nil {
		return err
	}
	if err := j.sweepSlot(ctx, j.slot, false); err != nil {
		return err
	}
	// A late request of the run before may have replaced the state until its temporary files were gone.
	return j.mine(ctx)
}

// folders makes those of the slot, and their names and those above durable: also those that an earlier run made and had
// no time for.
func (j *job) folders(ctx context.Context) error {
	if err := j.ensureThere(ctx, j.slot); err != nil {
		return err
	}
	inside := []string{"tmp", "meta", "data"}
	if j.o.Mode == manifest.Compressed {
		inside[2] = "archive"
	}
	err := each(ctx, len(inside), inside, func(ctx context.Context, dir string) error {
		return j.ensureThere(ctx, join(j.slot, dir))
	})
	if err != nil {
		return err
	}
	around := []string{""}
	for dir := j.slot; dir != ""; dir = parent(dir) {
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
