package slot

import (
	"context"
	"errors"
	"fmt"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/archive"
	"slotfs/sftpdest/slot/spool"
)

// writeArchive writes the source as an archive, and the manifest.
func (j *job) writeArchive(ctx context.Context) (file manifest.File, err error) {
	if err := j.opening.begin(ctx); err != nil {
		return file, err
	}
	if err := j.sweepArchives(ctx); err != nil {
		j.o.Log.Warn("tidy up", "directory", j.o.Directory, "error", err)
	}
	list, err := spool.New()
	if err != nil {
		return file, err
	}
	defer list.Close()
	if j.state.Archive, file, err = j.archive.Write(ctx, list); err != nil {
		return file, err
	}
	file.Name = manifest.Name(j.state.Gen)
	if err := j.s.Temps(j.due.Path).InstallFile(ctx, "meta/"+file.Name, list, file.Size); err != nil {
		return file, fmt.Errorf("write manifest: %w", err)
	}
	return file, nil
}

// sweepArchives removes from the account's other slots what runs left there that ended between a new archive and the removal
// of the one before it.
func (j *job) sweepArchives(ctx context.Context) error {
	for i := range j.slots {
		s := &j.slots[i]
		if s.Path == j.due.Path || !s.Complete() || s.State.Mode != manifest.Compressed {
			continue
		}
		if err := errors.Join(archive.Sweep(ctx, j.s, s.Path, s.State.Archive), j.s.Temps(s.Path).Sweep(ctx, false)); err != nil {
			return err
		}
	}
	return nil
}
