package slot

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// holdPrefix starts the names of files that keep a slot from being overwritten. They tell who made them as leases do.
const holdPrefix = "hold."

// HoldTTL is how long a hold lasts that is not made anew, by the server's clock.
const HoldTTL = 10 * time.Minute

// held reports whether somebody reads the slot. What is left over of readers that are gone is removed: those that are
// known to have ended, as those on this machine are, and those that were not heard of for HoldTTL.
func (r *remote) held(ctx context.Context, o *Options, slot string) (bool, error) {
	list, err := r.glance(slot)
	if list == nil && err == nil {
		list, err = r.List(ctx, slot)
	}
	if err != nil {
		return false, err
	}
	for _, info := range list {
		if !strings.HasPrefix(info.Name, holdPrefix) {
			continue
		}
		left, err := r.leftOver(ctx, o, slot+"/"+info.Name, info)
		if err != nil || !left {
			return err == nil, err
		}
		if err := r.drop(ctx, slot+"/"+info.Name); err != nil {
			return false, err
		}
	}
	return false, nil
}

// leftOver reports whether nobody is behind a hold any more.
func (r *remote) leftOver(ctx context.Context, o *Options, name string, info dest.Info) (bool, error) {
	if info.Size > 0 {
		text, err := r.load(ctx, name, mostHolder)
		var h holder
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)):
			return false, err
		case err == nil && json.Unmarshal(text, &h) == nil && o.tune.dead(&h):
			return true, nil
		}
	}
	now, err := r.serverTime(ctx, o.Folder)
	return err == nil && now-info.MTime > int64(HoldTTL/time.Second), err
}

// Hold keeps runs from overwriting a slot until release is called, for HoldTTL, or until this process ends if the run
// is on this machine. It fails with ErrBusy if the slot is not complete.
func Hold(ctx context.Context, store Store, folder string, slot int) (release func(context.Context) error, err error) {
	r := newRemote(store, NewBudget(0))
	s := Slot{Path: slotPath(folder, slot), State: manifest.State{Slot: slot}}
	name := s.Path + "/" + holdPrefix + r.run
	text, err := json.Marshal(me(r.run, ""))
	if err != nil {
		return nil, err
	}
	if err := again(ctx, func() error { return missing(r.write(ctx, name, text)) }); err != nil {
		return nil, err
	}
	release = func(ctx context.Context) error { return r.drop(ctx, name) }
	// A run that looked before may be about to begin: what it wrote first is seen after.
	if err := s.read(ctx, store); err != nil || !s.Complete() {
		return nil, errors.Join(err, release(ctx), busy(s.Path, err))
	}
	return release, nil
}
