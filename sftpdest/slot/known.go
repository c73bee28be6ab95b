package slot

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/journal"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// known is what earlier runs tell of the account: the manifests of the slot and of the newest backup elsewhere.
type known struct {
	s       *store.Store
	log     *slog.Logger
	base    *os.File // manifest of the slot's last backup; nil: none
	donor   *os.File // manifest of the newest backup elsewhere; nil: none
	from    *Slot    // its slot
	damaged bool     // the slot has a manifest that cannot be trusted
}

// fetch fetches the manifest of a slot, if file tells of one, and that of the first of others that can be trusted. Two with the
// same bytes are fetched once.
func (k *known) fetch(ctx context.Context, slot string, file *manifest.File, others []Slot) error {
	twin := file != nil && len(others) > 0 && others[0].State.Manifest.SHA256 == file.SHA256
	first := func(ctx context.Context) error { return k.fetchBase(ctx, slot, file) }
	second := func(ctx context.Context) error { return k.fetchDonor(ctx, others) }
	if !twin {
		return parallel.Do(ctx, first, second)
	}
	if err := first(ctx); err != nil || k.base == nil {
		return errors.Join(err, second(ctx))
	}
	k.donor, k.from = k.base, &others[0]
	return nil
}

func (k *known) fetchBase(ctx context.Context, slot string, file *manifest.File) (err error) {
	if file == nil {
		return nil
	}
	k.base, err = spool.Fetch(ctx, k.s, slot, file)
	if errors.Is(err, spool.ErrManifest) {
		k.log.Warn("manifest", "slot", slot, "error", err)
		k.damaged = true
		return nil
	}
	return err
}

func (k *known) fetchDonor(ctx context.Context, others []Slot) (err error) {
	for i := range others {
		k.donor, err = spool.Fetch(ctx, k.s, others[i].Path, others[i].State.Manifest)
		if errors.Is(err, spool.ErrManifest) {
			k.log.Warn("manifest", "slot", others[i].Path, "error", err)
			continue
		}
		k.from = &others[i]
		return err
	}
	return nil
}

// names are what escaped names in the slot stand for.
func (k *known) names(notes plan.Notes) (store.Names, error) {
	names := make(store.Names)
	if err := errors.Join(names.AddAll(k.base), names.AddAll(k.donor)); err != nil {
		return nil, err
	}
	for i := range notes {
		names.Add(notes[i].Path, notes[i].Stored)
	}
	return names, nil
}

func (k *known) close() {
	for _, f := range []*os.File{k.base, k.donor} {
		if f != nil {
			f.Close()
		}
	}
}

// others are the complete slots of a mode besides one, the newest first.
func others(slots []Slot, due *Slot, mode manifest.Mode) []Slot {
	return slices.DeleteFunc(slices.Clone(slots), func(s Slot) bool {
		return !s.Complete() || s.Path == due.Path || s.State.Mode != mode
	})
}

// young reports whether a slot was written or verified so recently that copying it spreads no old damage. A time that is far ahead was
// noted by a clock that was wrong.
func young(s *manifest.State, now time.Time) bool {
	const most = 30 * 24 * time.Hour
	return now.Sub(s.Finished).Abs() < most || now.Sub(s.Verified).Abs() < most
}

// readNotes reads what an interrupted run noted of a generation of a slot, and has the journal go on behind it.
func readNotes(ctx context.Context, s *store.Store, slot string, gen uint64, log *slog.Logger, j *journal.Journal) (plan.Notes, error) {
	notes, last, err := journal.Read(ctx, s, slot, gen, func(name string, err error) {
		log.Warn("journal", "slot", slot, "segment", name, "error", err)
	})
	j.After(last)
	return notes, err
}
