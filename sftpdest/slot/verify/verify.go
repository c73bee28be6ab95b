// Package verify compares a slot with what its state and manifest say of it. It changes nothing.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
)

// Difference is one thing that is not as the manifest says.
type Difference struct {
	Path, What string
	Extra      bool // a name that the manifest does not have: the backup is whole all the same
}

// Slot compares a slot with its manifest: names, types and sizes of all, and the content of those that have another time and of a
// share of the others, 0 to 1.
func Slot(ctx context.Context, s Store, slot *state.Slot, sample float64) (found []Difference, err error) {
	s.NoTimes(slot.State.Times == manifest.NoTimes)
	v := &verifier{Store: s, slot: slot.Path, sample: sample, room: semaphore.NewWeighted(comparedBytes)}
	v.root = slot.Path + "/data"
	if slot.State.Mode == manifest.Compressed {
		v.root = slot.Path + "/archive"
	}
	switch {
	case slot.Err != nil:
		v.differ(manifest.StateName, slot.Err.Error())
	case slot.State.Archive != nil:
		err = v.archive(ctx, slot.State.Archive)
	default:
		err = v.run(ctx, slot.State.Manifest)
	}
	slices.SortFunc(v.found, func(a, b Difference) int { return manifest.Compare(a.Path, b.Path) })
	return v.found, err
}

const (
	// compared is how many files are read side by side, and comparedBytes how much of them is in memory at most.
	compared      = 128
	comparedBytes = 64 << 20
)

func (v *verifier) run(ctx context.Context, want *manifest.File) error {
	list, err := spool.Fetch(ctx, v, v.slot, want)
	if errors.Is(err, spool.ErrManifest) {
		v.differ("meta/"+want.Name, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	defer list.Close()
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(compared)
	if err := v.walk(inner, g, list); err != nil {
		return errors.Join(err, g.Wait())
	}
	return g.Wait()
}

// walk merges the listing with the manifest.
func (v *verifier) walk(ctx context.Context, g *errgroup.Group, list *os.File) error {
	known, err := spool.Open(list)
	if err != nil {
		return err
	}
	defer known.Close()
	long := make(store.Names)
	if err := long.AddAll(list); err != nil {
		return err
	}
	here := prefetch.New(store.Walk(ctx, v, v.root, long))
	defer here.Close()
	for known.Head != nil || here.Some {
		switch {
		case known.Head != nil && (!here.Some || manifest.Compare(known.Head.Path, here.Head.Path) < 0):
			if e := known.Head; e.Path != "" && (e.IsRegular() || e.IsDir()) && e.Flags&manifest.Missing == 0 {
				v.differ(e.Path, "missing")
			}
			known.Advance()
		case known.Head == nil || manifest.Compare(here.Head.Path, known.Head.Path) < 0:
			v.extra(here.Head.Path)
			here.Advance()
		default:
			v.compare(ctx, g, known.Head, &here.Head)
			known.Advance()
			here.Advance()
		}
		if err := errors.Join(known.Err, here.Err); err != nil {
			return err
		}
	}
	return errors.Join(known.Err, here.Err)
}

func (v *verifier) compare(ctx context.Context, g *errgroup.Group, e *manifest.Entry, here *store.Present) {
	info := &here.Info
	switch {
	case info.Name != e.StoredName():
		v.differ(e.Path, "has another name in data/")
	case e.Mode&backup.ModeType != info.Mode&backup.ModeType:
		v.differ(e.Path, "is of another type")
	case !e.IsRegular():
	case e.Size != info.Size:
		v.differ(e.Path, fmt.Sprintf("has %d bytes, not %d", info.Size, e.Size))
	case e.Hash == "" && v.retimed(e, info):
		v.differ(e.Path, "has another time, and no checksum tells whether it is what was backed up")
	case e.Hash != "" && (v.sample >= 1 || v.retimed(e, info) || rand.Float64() < v.sample):
		path, at, want, size := e.Path, here.At, e.Hash, e.Size
		g.Go(func() error { return v.content(ctx, path, at, want, size) })
	}
}

// retimed reports whether a file has another time than it was given: somebody may have written to it since. Such files are
// no part of the sample; their content is always read.
func (v *verifier) retimed(e *manifest.Entry, info *dest.Info) bool {
	return v.KeepsTimes() && info.MTime != manifest.Seconds(e.MTime)
}

func (v *verifier) content(ctx context.Context, path, at, want string, size int64) error {
	weight := min(size, store.HashAhead<<20)
	if err := v.room.Acquire(ctx, weight); err != nil {
		return err
	}
	defer v.room.Release(weight)
	hash, err := store.Hash(ctx, v, manifest.Join(v.root, at), size)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, fs.ErrPermission):
		v.differ(path, err.Error())
	case err != nil:
		return err
	case hash != want:
		v.differ(path, "has other content")
	}
	return nil
}
