package slot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/archive"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// writeTree brings data/ up to date and uploads the manifest. It ends with everything durable but names and the state.
func (j *job) writeTree(ctx context.Context) (manifest.File, error) {
	if j.fresh {
		j.plan.Listed = false
	}
	if j.plan.Listed {
		j.o.Log.Info("list the slot", "slot", j.slot, "notes", len(j.plan.Notes))
	}
	list, err := spool.New()
	if err != nil {
		return manifest.File{}, err
	}
	defer func() { list.Close() }()
	var file manifest.File
	j.needsRoom = !j.fresh && !(j.mark != "" && j.clean)
	j.journal.Keep(ctx)
	if f, idle := j.found.TakeIdle(); idle != nil { // the survey found nothing to do
		list.Close()
		file, list = f, idle
		j.count.Files.Store(j.found.Files)
		j.count.Bytes.Store(j.found.Bytes)
		err = parallel.Do(ctx, j.begin, func(ctx context.Context) error { return j.putManifestTemp(ctx, list, file.Size) })
	} else {
		file, err = j.updateData(ctx, list)
	}
	if err != nil {
		return file, err
	}
	if anew, amended, err := j.amended(ctx, list); err != nil {
		return file, err
	} else if anew != nil {
		list.Close()
		file, list = amended, anew
		if err := j.putManifestTemp(ctx, list, file.Size); err != nil {
			return file, err
		}
	}
	file.Name = manifest.Name(j.state.Gen)
	// Deletions come last: until here, what a broken run leaves is the old backup and more.
	return file, j.delete(ctx)
}

// putManifestTemp uploads the manifest to a temporary name.
func (j *job) putManifestTemp(ctx context.Context, list *os.File, size int64) (err error) {
	if j.manifestTemp, err = j.PutFile(ctx, j.slot, list, size); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// settling is how many directories are open at once at most to be made durable: servers limit handles, and one that opens no
// more looks like one that opens no directories.
const settling = 256

// syncDirs makes the names of directories durable in which something changed, and sets their attributes last.
func (j *job) syncDirs(ctx context.Context) error {
	return parallel.Each(ctx, min(j.o.Lanes, settling), j.touched, func(ctx context.Context, p *directory) error {
		return j.SyncDirAttributes(ctx, p.at, store.Attributes(p.entry.Mode, 0o700, p.entry.MTime))
	})
}

// putManifest uploads the manifest under its name.
func (j *job) putManifest(ctx context.Context, list *os.File, file *manifest.File) error {
	if err := j.InstallFile(ctx, j.slot, "meta/"+file.Name, list, file.Size); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// commit makes the backup complete: one rename, when everything else is durable. That the account still is ours is looked at
// just before.
func (j *job) commit(ctx context.Context, file manifest.File, l *lease.Lease) error {
	j.state.Phase, j.state.Manifest, j.state.Finished, j.state.Suspect = manifest.Complete, &file, j.o.Now(), false
	j.state.Missing = j.count.Missing.Load()
	j.journal.Stop() // a segment that is begun now would be waited for, only to be removed
	looked := time.Now()
	ours := func(ctx context.Context) error { return parallel.Do(ctx, l.Alone, j.verifyOwnership) }
	var temp string
	err := parallel.Do(ctx, ours, j.syncDirs, j.installManifest, func(ctx context.Context) (err error) {
		temp, err = j.putFinal(ctx)
		return err
	})
	if err == nil && time.Since(looked) > l.TTL()/100 { // many directories take their time
		err = ours(ctx)
	}
	if err == nil && (j.state.Durability != j.Durability() || j.state.Times != j.Times()) { // a directory told
		temp, err = j.putFinal(ctx)
	}
	if err != nil {
		return j.recordFailure(ctx, err)
	}
	j.PrefetchLists(ctx, j.slot+"/tmp", j.slot+"/meta") // to tidy up
	if err := j.Install(ctx, temp, j.slot+"/"+manifest.StateName); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// installManifest gives the manifest its name.
func (j *job) installManifest(ctx context.Context) error {
	if j.manifestTemp == "" {
		return j.SyncDir(ctx, j.slot+"/meta")
	}
	return j.Install(ctx, j.manifestTemp, j.slot+"/meta/"+j.state.Manifest.Name)
}

// putFinal uploads the state of the complete slot to a temporary name.
func (j *job) putFinal(ctx context.Context) (temp string, err error) {
	j.state.Durability, j.state.Times = j.Durability(), j.Times()
	return j.stage(ctx, &j.state)
}

// tidy removes what the complete slot does not need: temporary files, the journal, and manifests but for that of the
// backup before. What cannot be removed is left to the next run.
func (j *job) tidy(ctx context.Context) {
	err := errors.Join(parallel.All(
		func() error { return j.SweepTemp(ctx, j.slot, true) },
		func() error { return archive.Sweep(ctx, j.Store, j.slot, j.state.Archive) },
		func() error { return j.sweepMeta(ctx) },
		func() error {
			if j.other == "" {
				return nil
			}
			if _, err := j.Stat(ctx, manifest.Join(j.slot, j.other)); err != nil {
				return nil
			}
			return j.RemoveTree(ctx, manifest.Join(j.slot, j.other))
		},
	)...)
	if err != nil {
		j.o.Log.Warn("tidy up", "slot", j.slot, "error", err)
	}
}

// sweepMeta removes from meta/ what the complete slot does not need.
func (j *job) sweepMeta(ctx context.Context) error {
	list, err := j.ListPrefetched(ctx, j.slot+"/meta")
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
		if past || isJournal || strings.HasPrefix(info.Name, partPrefix) {
			old = append(old, j.slot+"/meta/"+info.Name)
		}
	}
	return parallel.Each(ctx, j.o.Lanes, old, j.Remove)
}
