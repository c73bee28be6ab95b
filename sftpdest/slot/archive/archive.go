// Package archive writes a source as one .tar.gz into a slot, of gzip members that can be read without each other, and goes on with one
// that a broken run left. It must not know which slot is due, nor what makes it a backup.
package archive

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// Options say how an archive is written.
type Options struct {
	Account string
	Mark    int64 // bytes between two checkpoints
	Member  int   // bytes that go into a gzip member
	// Keep reports whether whoever indexes the archive wants the content of a small file; may be nil.
	Keep func(path string, size int64) bool
	Now  func() time.Time
	Log  *slog.Logger
}

// Archive is that of a generation of a slot.
type Archive struct {
	to      target
	src     *source.Tree
	counts  *progress.Counts
	o       Options
	resumed *resumedArchive // what a broken run has of it; nil: nothing
	claimed bool            // something was adopted
}

// New prepares the archive of a generation of a slot.
func New(s *store.Store, slot string, gen uint64, src *source.Tree, counts *progress.Counts, o Options) *Archive {
	return &Archive{to: target{s, o.Account, slot, gen}, src: src, counts: counts, o: o}
}

// Adopt takes over what a broken run of this generation has of the archive.
func (a *Archive) Adopt(ctx context.Context) (err error) {
	a.resumed, err = adopt(ctx, &a.to, a.src, a.o.Log)
	return err
}

// Claim tells the next run what was adopted.
func (a *Archive) Claim(ctx context.Context) error {
	if a.resumed == nil {
		return nil
	}
	a.claimed = true
	return a.to.putCheckpoint(ctx, &a.resumed.point)
}

// Resumed reports whether anything was adopted.
func (a *Archive) Resumed() bool { return a.claimed }

// Close gives local files back.
func (a *Archive) Close() {
	if a.resumed != nil {
		a.resumed.close()
		a.resumed = nil
	}
}

// Write streams the source to a temporary name and moves it into place, beside the archive that the slot has: that one is a backup
// until the state names the new one. There is no local copy. What an index needs to know of the archive is written beside it, and
// the entries into list.
func (a *Archive) Write(ctx context.Context, list *os.File) (done *manifest.Archive, file manifest.File, err error) {
	done, file, err = a.write(ctx, list)
	if errors.Is(err, errOutdated) {
		a.o.Log.Warn("begin the archive anew", "slot", a.to.slot, "error", err)
		a.counts.Bytes.Store(0)
		for _, n := range a.counts.OfSource() {
			n.Store(0)
		}
		if err = spool.Reset(list); err == nil {
			done, file, err = a.write(ctx, list)
		}
	}
	if err != nil {
		return nil, file, fmt.Errorf("write archive: %w", err)
	}
	return done, file, nil
}

// write is Write once. errOutdated says that what an earlier run had of the archive is gone now.
func (a *Archive) write(ctx context.Context, list *os.File) (done *manifest.Archive, file manifest.File, err error) {
	w, out, err := a.begin(ctx, list)
	if err != nil {
		return nil, file, err
	}
	g, inner := errgroup.WithContext(ctx)
	w.members.g, out.g = g, g
	g.Go(func() error {
		defer close(w.members.ready)
		return w.walk(inner)
	})
	g.Go(func() error { return out.takeAll(inner, w.members.ready) })
	if err = g.Wait(); err == nil {
		done, err = a.finish(ctx, w, out)
	}
	if errors.Is(err, errOutdated) {
		a.Close()
		_ = out.file.close(ctx)
		return nil, file, cmp.Or(a.to.discard(ctx, out.file.name), err)
	}
	if err != nil {
		out.settle(ctx)
		return nil, file, err
	}
	file, err = w.list.Close()
	return done, file, err
}

// begin begins an archive, or goes on with the one that was adopted.
func (a *Archive) begin(ctx context.Context, list *os.File) (*walker, *sender, error) {
	w, err := newWalker(a, list)
	if err != nil {
		return nil, nil, err
	}
	out := newSender(&a.to, a.counts, a.o.Log)
	if e := a.resumed; e != nil {
		e.open()
		out.resume(e)
		w.resume(e)
	}
	return w, out, nil
}

// finish makes the archive durable under its name, with what is known of it.
func (a *Archive) finish(ctx context.Context, w *walker, out *sender) (*manifest.Archive, error) {
	durable, err := out.file.finish(ctx)
	if err != nil {
		return nil, err
	}
	if !durable {
		a.to.s.NotDurable()
	}
	done := &manifest.Archive{Content: w.members.base}
	done.File = manifest.File{Name: a.to.name(), Size: out.file.off, SHA256: hex.EncodeToString(out.sum.Sum(nil))}
	if err := a.to.s.Rename(ctx, out.file.name, a.to.slot+"/archive/"+done.Name); err != nil {
		return nil, err
	}
	if err := a.to.s.SyncDir(ctx, a.to.slot+"/archive"); err != nil {
		return nil, err
	}
	members, err := out.members.Encode()
	if err == nil {
		done.Members, err = a.to.putAbout(ctx, manifest.MembersName(a.to.gen), members)
	}
	if err != nil {
		return nil, err
	}
	kept, err := w.kept.encode()
	if err == nil && kept != nil {
		var file manifest.File
		file, err = a.to.putAbout(ctx, manifest.KeptName(a.to.gen), kept)
		done.Kept = &file
	}
	return done, err
}

// sweeper is where archives are removed.
type sweeper interface {
	List(ctx context.Context, dir string) ([]dest.Info, error)
	Remove(ctx context.Context, p string) error
}

// Sweep removes all archives of a slot but the one that its state names.
func Sweep(ctx context.Context, s sweeper, slot string, current *manifest.Archive) error {
	if current == nil {
		return nil
	}
	list, err := s.List(ctx, slot+"/archive")
	if err != nil {
		return store.Missing(err)
	}
	for _, info := range list {
		if info.Name != current.Name && !store.IsDir(info.Mode) {
			err = errors.Join(err, s.Remove(ctx, slot+"/archive/"+info.Name))
		}
	}
	return err
}
