package slot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/archive"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/upload"
)

// settle makes durable all that the state is going to tell of, and uploads the state. That the account still is ours is looked at
// last.
func (j *job) settle(ctx context.Context, file manifest.File, l *lease.Lease) (final string, err error) {
	j.state.Phase, j.state.Manifest, j.state.Finished, j.state.Suspect = manifest.Complete, &file, j.o.Now(), false
	j.state.Missing, j.state.Extra = j.counts.Missing.Load(), 0
	if j.place != nil {
		j.state.Extra = j.place.Extra()
	}
	j.journal.Stop() // a segment that is begun now would be waited for, only to be removed
	looked := time.Now()
	ours := func(ctx context.Context) error {
		return parallel.Do(ctx, l.Alone, func(ctx context.Context) error { return verifyOwnership(ctx, j.s, j.due.Path, &j.state) })
	}
	err = parallel.Do(ctx, ours, j.settleData, func(ctx context.Context) (err error) {
		final, err = j.putFinal(ctx)
		return err
	})
	if err == nil && time.Since(looked) > l.TTL()/100 { // many directories take their time
		err = ours(ctx)
	}
	if err == nil && (j.state.Durability != j.s.Durability() || j.state.Times != j.s.Times()) { // a directory told
		final, err = j.putFinal(ctx)
	}
	return final, err
}

// settleData makes directories durable in which something changed, and the manifest.
func (j *job) settleData(ctx context.Context) error {
	if j.place == nil {
		return j.s.SyncDir(ctx, j.due.Path+"/meta")
	}
	return parallel.Do(ctx, j.place.SyncDirs, func(ctx context.Context) error { return j.list.install(ctx, j.state.Manifest.Name) })
}

// commit makes the backup complete: one rename, when everything else is durable.
func (j *job) commit(ctx context.Context, final string) error {
	j.s.PrefetchLists(ctx, j.due.Path+"/tmp", j.due.Path+"/meta") // to tidy up
	if err := j.s.Install(ctx, final, j.due.Path+"/"+manifest.StateName); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// putFinal uploads the state of the complete slot to a temporary name.
func (j *job) putFinal(ctx context.Context) (temp string, err error) {
	j.state.Durability, j.state.Times = j.s.Durability(), j.s.Times()
	return putState(ctx, j.s, j.due.Path, &j.state)
}

// tidy removes what the complete slot does not need: temporary files, the journal, and manifests but for that of the
// backup before. What cannot be removed is left to the next run.
func (j *job) tidy(ctx context.Context) {
	err := errors.Join(parallel.All(
		func() error { return j.s.Temps(j.due.Path).Sweep(ctx, true) },
		func() error { return archive.Sweep(ctx, j.s, j.due.Path, j.state.Archive) },
		func() error { return j.sweepMeta(ctx) },
		func() error {
			if j.opening.other == "" {
				return nil
			}
			if _, err := j.s.Stat(ctx, manifest.Join(j.due.Path, j.opening.other)); err != nil {
				return nil
			}
			return store.RemoveTree(ctx, j.s, manifest.Join(j.due.Path, j.opening.other))
		},
	)...)
	if err != nil {
		j.o.Log.Warn("tidy up", "slot", j.due.Path, "error", err)
	}
}

// sweepMeta removes from meta/ what the complete slot does not need.
func (j *job) sweepMeta(ctx context.Context) error {
	list, err := j.s.ListPrefetched(ctx, j.due.Path+"/meta")
	if err != nil {
		return err
	}
	var kept uint64
	for _, info := range list {
		if gen, ok := manifest.ParseName(info.Name); ok && gen < j.state.Gen {
			kept = max(kept, gen)
		}
	}
	var old []string
	for _, info := range list {
		gen, isManifest := manifest.ParseName(info.Name)
		_, _, isJournal := manifest.ParseJournalName(info.Name)
		past := isManifest && gen != j.state.Gen && gen != kept
		past = past || manifest.AboutArchive(info.Name) && !j.state.Names(info.Name)
		if past || isJournal || strings.HasPrefix(info.Name, upload.Prefix) {
			old = append(old, j.due.Path+"/meta/"+info.Name)
		}
	}
	return parallel.Each(ctx, j.o.Lanes, old, j.s.Remove)
}
