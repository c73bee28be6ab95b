package slot

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"sync/atomic"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// archive streams the source as one .tar.gz to a temporary name and moves it into place, beside the archive that the
// slot has: that one is a backup until the state names the new one. There is no local copy; a broken run is gone on with from
// its last checkpoint. What an index needs to know of the archive is written beside it.
func (j *job) archive(ctx context.Context) (manifest.File, error) {
	file, err := j.putAll(ctx)
	if errors.Is(err, errOutdated) {
		j.o.Log.Warn("begin the archive anew", "slot", j.slot, "error", err)
		for _, n := range []*atomic.Int64{&j.sum.files, &j.sum.bytes, &j.sum.uploaded, &j.sum.changed, &j.sum.frozen} {
			n.Store(0)
		}
		file, err = j.putAll(ctx)
	}
	if err != nil {
		return file, fmt.Errorf("write archive: %w", err)
	}
	return file, nil
}

// putAll writes the archive with all that belongs to it. errOutdated says that what an earlier run had of it is gone now.
func (j *job) putAll(ctx context.Context) (file manifest.File, err error) {
	list, err := spool.New()
	if err != nil {
		return file, err
	}
	defer list.Close()
	a, err := j.newArchiver(list)
	if err != nil {
		return file, err
	}
	if err = a.run(ctx); err == nil {
		err = j.putArchive(ctx, a)
	}
	if errors.Is(err, errOutdated) {
		j.resumed.close()
		j.resumed = nil
		return file, cmp.Or(a.discard(ctx), err)
	}
	if err != nil {
		a.settle(ctx)
		return file, err
	}
	if file, err = a.list.Close(); err != nil {
		return file, err
	}
	file.Name = manifest.Name(j.state.Gen)
	return file, j.putManifest(ctx, list, &file)
}

// putArchive makes the archive durable under its name, with what is known of it, and enters it into the state to be.
func (j *job) putArchive(ctx context.Context, a *archiver) error {
	durable, err := a.out.finish(ctx)
	if err != nil {
		return err
	}
	if !durable {
		j.NotDurable()
	}
	done := &manifest.Archive{Content: a.base}
	done.File = manifest.File{
		Name: manifest.ArchiveName(path.Base(j.o.Account), j.state.Gen), Size: a.out.off, SHA256: hex.EncodeToString(a.sum.Sum(nil)),
	}
	if err := j.Rename(ctx, a.out.name, j.slot+"/archive/"+done.Name); err != nil {
		return err
	}
	if err := j.SyncDir(ctx, j.slot+"/archive"); err != nil {
		return err
	}
	members, err := a.members.Encode()
	if err == nil {
		done.Members, err = j.putAbout(ctx, manifest.MembersName(j.state.Gen), members)
	}
	if err != nil {
		return err
	}
	kept, err := a.kept.encode()
	if err == nil && kept != nil {
		var file manifest.File
		file, err = j.putAbout(ctx, manifest.KeptName(j.state.Gen), kept)
		done.Kept = &file
	}
	j.state.Archive = done
	return err
}

// putAbout puts what is known of an archive into meta/.
func (j *job) putAbout(ctx context.Context, name string, content []byte) (manifest.File, error) {
	list, err := spool.New()
	if err != nil {
		return manifest.File{}, err
	}
	defer list.Close()
	if _, err := bytes.NewReader(content).WriteTo(list); err != nil {
		return manifest.File{}, err
	}
	sum := sha256.Sum256(content)
	file := manifest.File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	return file, j.putFile(ctx, list, &file)
}

// keepsOld reports whether the slot's backup stays one until the new one is there.
func (j *job) keepsOld() bool { return j.o.Mode == manifest.Compressed && j.due.Complete() }

// claimed is the state of a slot whose backup stays one, with this run entered.
func (j *job) claimed() manifest.State {
	old := j.due.State
	old.Run, old.Epoch = j.state.Run, j.state.Epoch
	return old
}

// sweepArchives removes from the account's slots what runs left there that ended between a new archive and the removal
// of the one before it. The slot in hand is swept when it is begun and when it is done.
func (j *job) sweepArchives(ctx context.Context, slots []Slot) error {
	for i := range slots {
		s := &slots[i]
		if s.Path == j.slot || !s.Complete() || s.State.Mode != manifest.Compressed {
			continue
		}
		if err := errors.Join(j.sweepArchive(ctx, s.Path, s.State.Archive), j.SweepTemp(ctx, s.Path, false)); err != nil {
			return err
		}
	}
	return nil
}

// sweepArchive removes all archives of a slot but the one that its state names.
func (r *rotation) sweepArchive(ctx context.Context, slot string, current *manifest.Archive) error {
	if current == nil {
		return nil
	}
	list, err := r.List(ctx, slot+"/archive")
	if err != nil {
		return store.Missing(err)
	}
	for _, info := range list {
		if info.Name != current.Name && !store.IsDir(info.Mode) {
			err = errors.Join(err, r.Remove(ctx, slot+"/archive/"+info.Name))
		}
	}
	return err
}
