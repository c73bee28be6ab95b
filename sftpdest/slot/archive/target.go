package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// target is where an archive is written: a generation of a slot.
type target struct {
	s       *store.Store
	account string
	slot    string // its directory
	gen     uint64
}

// name is that of the archive when it is finished.
func (t *target) name() string { return manifest.ArchiveName(path.Base(t.account), t.gen) }

// temp is a new name for a temporary file.
func (t *target) temp() string { return t.s.Temps(t.slot).Name() }

// putAbout puts what is known of an archive into meta/.
func (t *target) putAbout(ctx context.Context, name string, content []byte) (manifest.File, error) {
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
	return file, t.s.Temps(t.slot).InstallFile(ctx, "meta/"+name, list, file.Size)
}

// putCheckpoint puts a checkpoint into place.
func (t *target) putCheckpoint(ctx context.Context, c *Checkpoint) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	t.s.HoldTemp(t.slot + "/tmp/" + c.Temp)
	if err := t.s.Temps(t.slot).Replace(ctx, "meta/"+manifest.CheckpointName(t.gen), text); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// discard removes an unfinished archive with its checkpoint.
func (t *target) discard(ctx context.Context, temp string) error {
	t.s.ReleaseTemp(temp)
	return errors.Join(t.s.Remove(ctx, t.slot+"/meta/"+manifest.CheckpointName(t.gen)), t.s.Remove(ctx, temp))
}

// unreached is err if it says nothing about what was asked for.
func unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) {
		return err
	}
	return nil
}
