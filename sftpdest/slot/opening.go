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
	"slotfs/sftpdest/slot/upload"
)

// opening brings a slot from the state in which it was found to that of a run that writes it.
type opening struct {
	s        *store.Store
	o        *Options
	due      *Slot                                                // as it was found
	next     *manifest.State                                      // the one that it gets
	held     func(ctx context.Context, slot string) (bool, error) // whether somebody reads it
	adopt    func(ctx context.Context) error                      // takes over what earlier runs have on their way
	claim    func(ctx context.Context) error                      // tells the next run of it, when nothing of earlier ones can come late; may be nil
	staged   string                                               // temporary file with the new state; "": not written yet
	dirsMade bool                                                 // the directories of the slot are there
	fresh    bool                                                 // by this run: nothing else is in them
	clean    bool                                                 // no earlier run has anything on its way
	other    string                                               // directory of the other mode, which the slot may have; "": it has none
	updating chan struct{}                                        // closed when the new state is durable
}

// prepare makes the directories of the slot and uploads the state that it is about to get, without changing what is there.
func (p *opening) prepare(ctx context.Context) error {
	if p.staged != "" {
		return nil
	}
	if err := p.makeDirs(ctx); err != nil {
		return err
	}
	return parallel.Do(ctx, p.syncParentDirs, p.inspect, p.stage)
}

// cancel takes back what prepare has uploaded.
func (p *opening) cancel(ctx context.Context) error {
	if p.staged == "" {
		return nil
	}
	return p.s.Remove(ctx, p.staged)
}

// stage uploads the state that the slot is about to get. Whether the server keeps times is looked for meanwhile; where it
// does not, the state has to say so.
func (p *opening) stage(ctx context.Context) error {
	if p.o.Mode != manifest.Incremental || p.next.Manifest != nil || !p.s.KeepsTimes() {
		return p.stageState(ctx)
	}
	err := parallel.Do(ctx, func(ctx context.Context) error { return p.s.Temps(p.due.Path).TryTimes(ctx) }, p.stageState)
	if err != nil || p.s.KeepsTimes() {
		return err
	}
	if err := p.s.Remove(ctx, p.staged); err != nil {
		return err
	}
	return p.stageState(ctx)
}

func (p *opening) stageState(ctx context.Context) error {
	next := *p.next
	if p.keepsOld() {
		next = p.claimed()
	} else {
		next.Durability, next.Times = p.s.Durability(), p.s.Times()
	}
	staged, err := putState(ctx, p.s, p.due.Path, &next)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	p.staged = staged
	return nil
}

// begin makes the slot's new state durable, and after that takes away what earlier runs have on their way. Names below data/
// may change from then on.
func (p *opening) begin(ctx context.Context) error {
	if err := p.prepare(ctx); err != nil {
		return err
	}
	if err := p.s.Rename(ctx, p.staged, p.due.Path+"/"+manifest.StateName); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	dirs := []string{p.due.Path}
	if !p.clean {
		dirs = append(dirs, p.due.Path+"/meta", p.due.Path+"/tmp")
	}
	p.s.PrefetchLists(ctx, dirs...)
	err := parallel.Do(ctx, func(ctx context.Context) error { return p.s.SyncDir(ctx, p.due.Path) }, p.abortIfHeld)
	if err != nil {
		return err
	}
	if !p.clean {
		if err := p.takeOverTemps(ctx); err != nil {
			return err
		}
	}
	close(p.updating)
	return nil
}

// takeOverTemps takes over or away what earlier runs have on their way.
func (p *opening) takeOverTemps(ctx context.Context) error {
	if err := p.adopt(ctx); err != nil {
		return err
	}
	if err := p.s.Temps(p.due.Path).Sweep(ctx, false); err != nil {
		return err
	}
	// A late request of the run before may have replaced the state, and its checkpoint, until its temporary files were gone.
	if err := verifyOwnership(ctx, p.s, p.due.Path, p.next); err != nil {
		return err
	}
	if p.claim == nil {
		return nil
	}
	return p.claim(ctx)
}

// waitUpdating blocks until state.json is durable as "updating": only then may names below data/ change. A slot that this run made
// need not wait: without a state it is not a backup.
func (p *opening) waitUpdating(ctx context.Context) error {
	if p.fresh {
		return nil
	}
	return p.waitDurable(ctx)
}

// leftovers reports whether earlier runs may have left something that takes room, as far as is known.
func (p *opening) leftovers() bool { return !p.fresh && !(p.staged != "" && p.clean) }

// durable reports whether the slot's new state is.
func (p *opening) durable() bool {
	select {
	case <-p.updating:
		return true
	default:
		return false
	}
}

// waitDurable returns when the slot's new state is durable.
func (p *opening) waitDurable(ctx context.Context) error {
	select {
	case <-p.updating:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inspect looks whether earlier runs have anything on their way, the account being ours. What moves something to its name
// is sent when the temporary file is known to be there: without one nothing of theirs can come late.
func (p *opening) inspect(ctx context.Context) error {
	var temps, notes []dest.Info
	err := parallel.Do(ctx, func(ctx context.Context) (err error) {
		temps, err = p.s.List(ctx, manifest.Join(p.due.Path, "tmp"))
		return err
	}, func(ctx context.Context) (err error) {
		notes, err = p.s.List(ctx, manifest.Join(p.due.Path, "meta"))
		return err
	})
	theirs := func(info dest.Info) bool { return !strings.HasPrefix(info.Name, p.s.Run+"-") }
	mark := func(info dest.Info) bool {
		return strings.HasPrefix(info.Name, upload.Prefix) || manifest.IsCheckpoint(info.Name)
	}
	p.clean = err == nil && !slices.ContainsFunc(temps, theirs) && !slices.ContainsFunc(notes, mark)
	return err
}

// makeDirs makes those of the slot that are not there.
func (p *opening) makeDirs(ctx context.Context) error {
	if p.dirsMade {
		return nil
	}
	names, err := p.s.PeekPrefetched(p.due.Path)
	known := names != nil && err == nil
	if !known {
		if p.fresh, err = p.open(ctx); err != nil {
			return err
		}
	}
	there := func(dir string) bool {
		return slices.ContainsFunc(names, func(info dest.Info) bool { return info.Name == dir && store.IsDir(info.Mode) })
	}
	inside, other := []string{"tmp", "meta", "data"}, "archive"
	if p.o.Mode == manifest.Compressed {
		inside[2], other = other, inside[2]
	}
	if !known && !p.fresh || there(other) {
		p.other = other
	}
	inside = slices.DeleteFunc(inside, there)
	err = parallel.Each(ctx, max(1, len(inside)), inside, func(ctx context.Context, dir string) error {
		if p.fresh {
			return store.MakeDir(ctx, p.s, manifest.Join(p.due.Path, dir), 0o700)
		}
		return store.MakeDirIfMissing(ctx, p.s, manifest.Join(p.due.Path, dir))
	})
	p.dirsMade = err == nil
	return err
}

// open makes the directory of the slot, and reports whether it was not there: then nothing of earlier runs can be below it, nor
// come there, because nobody else made it.
func (p *opening) open(ctx context.Context) (fresh bool, err error) {
	if !errors.Is(p.due.Err, fs.ErrNotExist) {
		return false, store.MakeDirIfMissing(ctx, p.s, p.due.Path)
	}
	return p.s.MakeNewDir(ctx, p.due.Path)
}

// syncParentDirs makes the names of the slot's directories and of those above durable: also those that an earlier run made and had no
// time for.
func (p *opening) syncParentDirs(ctx context.Context) error {
	around := []string{""}
	for dir := p.due.Path; dir != ""; dir = dest.Parent(dir) {
		around = append(around, dir)
	}
	return parallel.Each(ctx, len(around), around, p.s.SyncDir)
}

// abortIfHeld gives a complete slot back if somebody began to read it before its new state was there.
func (p *opening) abortIfHeld(ctx context.Context) error {
	if !p.due.Complete() {
		return nil
	}
	held, err := p.held(ctx, p.due.Path)
	if err != nil || !held {
		return err
	}
	text, err := p.due.State.Encode()
	if err == nil {
		err = p.s.Temps(p.due.Path).Replace(ctx, manifest.StateName, text)
	}
	return errors.Join(fmt.Errorf("%s: %w", p.due.Path, ErrAllKept), err)
}

// keepsOld reports whether the slot's backup stays one until the new one is there.
func (p *opening) keepsOld() bool { return p.o.Mode == manifest.Compressed && p.due.Complete() }

// claimed is the state of a slot whose backup stays one, with this run entered.
func (p *opening) claimed() manifest.State {
	old := p.due.State
	old.Run, old.Epoch = p.next.Run, p.next.Epoch
	return old
}
