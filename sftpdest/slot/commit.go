package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// tree brings data/ up to date and uploads the manifest. It ends with everything durable but names and the state.
func (j *job) tree(ctx context.Context) (manifest.File, error) {
	if j.fresh {
		j.plan.listed = false
	}
	if j.plan.listed {
		j.o.Log.Info("list the slot", "slot", j.slot, "notes", len(j.plan.notes))
	}
	spool, err := newSpool()
	if err != nil {
		return manifest.File{}, err
	}
	defer func() { spool.Close() }()
	var file manifest.File
	j.unswept = !j.fresh && !(j.mark != "" && j.clean)
	j.journal.keep(ctx)
	if f, idle := j.first.take(); idle != nil { // the survey found nothing to do
		spool.Close()
		file, spool = f, idle
		j.sum.files.Store(j.first.files)
		j.sum.bytes.Store(j.first.bytes)
		err = together(ctx, j.begin, func(ctx context.Context) error { return j.putList(ctx, spool, file.Size) })
	} else {
		file, err = j.fill(ctx, spool)
	}
	if err != nil {
		return file, err
	}
	if anew, amended, err := j.amended(ctx, spool); err != nil {
		return file, err
	} else if anew != nil {
		spool.Close()
		file, spool = amended, anew
		if err := j.putList(ctx, spool, file.Size); err != nil {
			return file, err
		}
	}
	file.Name = manifest.Name(j.state.Gen)
	// Deletions come last: until here, what a broken run leaves is the old backup and more.
	return file, j.delete(ctx)
}

// putList uploads the manifest to a temporary name.
func (j *job) putList(ctx context.Context, spool *os.File, size int64) (err error) {
	if j.listing, err = j.putTemp(ctx, spool, size); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// each runs f for all items side by side.
func each[T any](ctx context.Context, lanes int, items []T, f func(ctx context.Context, item T) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(lanes)
	for _, item := range items {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return f(inner, item) })
	}
	return g.Wait()
}

// settling is how many folders are open at once at most to be made durable: servers limit handles, and one that opens no
// more looks like one that opens no folders.
const settling = 256

// settlePlaces makes the names of folders durable in which something changed, and sets their attributes last.
func (j *job) settlePlaces(ctx context.Context) error {
	return each(ctx, min(j.o.Lanes, settling), j.touched, func(ctx context.Context, p *place) error {
		return j.settleDir(ctx, p.at, attributes(p.entry.Mode, 0o700, p.entry.MTime))
	})
}

// putManifest uploads the manifest under its name.
func (j *job) putManifest(ctx context.Context, spool *os.File, file *manifest.File) error {
	if err := j.putFile(ctx, spool, file); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// putFile uploads what belongs into meta/, durable, under its name.
func (j *job) putFile(ctx context.Context, spool *os.File, file *manifest.File) error {
	temp, err := j.putTemp(ctx, spool, file.Size)
	if err != nil {
		return err
	}
	return j.install(ctx, temp, j.slot+"/meta/"+file.Name)
}

// putTemp uploads a local file, durable, to a temporary name.
func (j *job) putTemp(ctx context.Context, spool *os.File, size int64) (temp string, err error) {
	if size <= small {
		content := make([]byte, size)
		if _, err := spool.ReadAt(content, 0); err != nil && err != io.EOF {
			return "", err
		}
		temp, _, err = j.put(ctx, j.slot, content, dest.Attributes{})
		return temp, err
	}
	err = again(ctx, func() error {
		temp = j.temp(j.slot)
		return j.putSpool(ctx, temp, spool, size)
	})
	return temp, err
}

func (j *job) putSpool(ctx context.Context, temp string, spool *os.File, size int64) error {
	out, err := j.Create(ctx, temp, dest.Create{LongLived: true})
	if err != nil {
		return err
	}
	buf := make([]byte, min(size, 8<<20))
	for off := int64(0); off < size && err == nil; {
		n := min(int64(len(buf)), size-off)
		if _, err = spool.ReadAt(buf[:n], off); err == nil {
			_, err = out.WriteAt(ctx, buf[:n], off)
		}
		off += n
	}
	durable, err := j.finish(ctx, out, temp, dest.Attributes{}, err)
	if err == nil && !durable {
		j.unsynced.Store(true)
	}
	return err
}

// commit makes the backup complete: one rename, when everything else is durable. That the account still is ours is looked at
// just before.
func (j *job) commit(ctx context.Context, file manifest.File, l *lease) error {
	j.state.Phase, j.state.Manifest, j.state.Finished, j.state.Suspect = manifest.Complete, &file, j.o.Now(), false
	j.state.Missing = j.sum.missing.Load()
	j.journal.stop() // a segment that is begun now would be waited for, only to be removed
	looked := time.Now()
	ours := func(ctx context.Context) error { return together(ctx, l.alone, j.mine) }
	var temp string
	err := together(ctx, ours, j.settlePlaces, j.nameList, func(ctx context.Context) (err error) {
		temp, err = j.putFinal(ctx)
		return err
	})
	if err == nil && time.Since(looked) > l.ttl/100 { // many folders take their time
		err = ours(ctx)
	}
	if err == nil && (j.state.Durability != j.durability() || j.state.Times != j.times()) { // a folder told
		temp, err = j.putFinal(ctx)
	}
	if err != nil {
		return j.leave(ctx, err)
	}
	j.ahead(ctx, j.slot+"/tmp", j.slot+"/meta") // to tidy up
	if err := j.install(ctx, temp, j.slot+"/"+stateName); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// nameList gives the manifest its name.
func (j *job) nameList(ctx context.Context) error {
	if j.listing == "" {
		return j.syncDir(ctx, j.slot+"/meta")
	}
	return j.install(ctx, j.listing, j.slot+"/meta/"+j.state.Manifest.Name)
}

// putFinal uploads the state of the complete slot to a temporary name.
func (j *job) putFinal(ctx context.Context) (temp string, err error) {
	j.state.Durability, j.state.Times = j.durability(), j.times()
	return j.stage(ctx, &j.state)
}

// tidy removes what the complete slot does not need: temporary files, the journal, and manifests but for that of the
// backup before. What cannot be removed is left to the next run.
func (j *job) tidy(ctx context.Context) {
	err := errors.Join(concurrently(
		func() error { return j.sweepSlot(ctx, j.slot, true) },
		func() error { return j.sweepArchive(ctx, j.slot, j.state.Archive) },
		func() error { return j.sweepMeta(ctx) },
		func() error {
			if j.other == "" {
				return nil
			}
			if _, err := j.Stat(ctx, join(j.slot, j.other)); err != nil {
				return nil
			}
			return j.removeTree(ctx, join(j.slot, j.other))
		},
	)...)
	if err != nil {
		j.o.Log.Warn("tidy up", "slot", j.slot, "error", err)
	}
}

// sweepMeta removes from meta/ what the complete slot does not need.
func (j *job) sweepMeta(ctx context.Context) error {
	list, err := j.list(ctx, j.slot+"/meta")
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
	return each(ctx, j.o.Lanes, old, j.drop)
}
