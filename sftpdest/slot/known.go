package slot

import (
	"context"
	"errors"
	"slices"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/journal"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// loadManifests fetches the manifests that the backup is compared with, and what an interrupted run noted.
func (j *job) loadManifests(ctx context.Context) error {
	if err := j.fetchManifests(ctx, &j.due, j.slots); err != nil {
		return err
	}
	if j.plan.Listed {
		j.names = make(store.Names)
		if err := errors.Join(j.names.AddAll(j.base), j.names.AddAll(j.donor)); err != nil {
			return err
		}
	}
	if !j.plan.Resumed {
		return nil
	}
	notes, last, err := journal.Read(ctx, j, j.slot, j.state.Gen, func(name string, err error) {
		j.o.Log.Warn("journal", "slot", j.slot, "segment", name, "error", err)
	})
	j.journal.After(last)
	j.plan.Notes = notes
	for i := range j.plan.Notes {
		j.names.Add(j.plan.Notes[i].Path, j.plan.Notes[i].Stored)
	}
	return err
}

// fetchManifests fetches that of the slot and that of the newest backup elsewhere. Two with the same bytes are fetched once.
func (j *job) fetchManifests(ctx context.Context, due *Slot, slots []Slot) error {
	old := &due.State
	var base *manifest.File
	if old.Mode == j.o.Mode && (old.Phase != manifest.Damaged || j.plan.Suspect) && due.Err == nil {
		base = old.Manifest
	}
	others := slices.DeleteFunc(slices.Clone(slots), func(s Slot) bool {
		return !s.Complete() || s.Path == due.Path || s.State.Mode != j.o.Mode
	})
	if len(others) == 0 {
		others = j.siblings(ctx)
	}
	twin := base != nil && len(others) > 0 && others[0].State.Manifest.SHA256 == base.SHA256
	first := func(ctx context.Context) error { return j.fetchBase(ctx, due, base) }
	second := func(ctx context.Context) error { return j.fetchDonor(ctx, others) }
	if !twin {
		return parallel.Do(ctx, first, second)
	}
	if err := first(ctx); err != nil || j.base == nil {
		return errors.Join(err, second(ctx))
	}
	j.donor = j.base
	j.useDonor(&others[0])
	return nil
}

func (j *job) fetchBase(ctx context.Context, due *Slot, base *manifest.File) (err error) {
	if base == nil {
		return nil
	}
	j.base, err = spool.Fetch(ctx, j, due.Path, base)
	if errors.Is(err, spool.ErrManifest) {
		j.o.Log.Warn("manifest", "slot", due.Path, "error", err)
		j.plan.Listed, j.plan.Resumed = true, true
		return nil
	}
	return err
}

func (j *job) fetchDonor(ctx context.Context, others []Slot) (err error) {
	for i := range others {
		j.donor, err = spool.Fetch(ctx, j, others[i].Path, others[i].State.Manifest)
		if errors.Is(err, spool.ErrManifest) {
			j.o.Log.Warn("manifest", "slot", others[i].Path, "error", err)
			continue
		}
		j.useDonor(&others[i])
		return err
	}
	return nil
}

// useDonor lets files come from a slot.
func (j *job) useDonor(s *Slot) {
	j.donorAt = s.Path
	j.plan.OtherJob = dest.Parent(s.Path) != j.o.Directory
	j.plan.Fills = j.o.Mode == manifest.Incremental && j.o.Fill != FillUpload && !sends(j.o, j.state.Gen) &&
		fresh(&s.State, j.o.Now())
}

// fresh reports whether a slot was written or verified so recently that copying it spreads no old damage.
func fresh(s *manifest.State, now time.Time) bool {
	const most = 30 * 24 * time.Hour
	return now.Sub(s.Finished) < most || now.Sub(s.Verified) < most
}
