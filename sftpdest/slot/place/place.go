// Package place gives names below data/ to what was uploaded, and takes names away: by other names where the server refuses one, and
// without what it refuses under any. It must not know how content gets to the server, nor what is planned for other paths.
package place

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/journal"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/store"
)

// Options say where names are given.
type Options struct {
	Directory string // of the account
	Slot      string // in it
	Listed    bool   // the plan was made with what a listing tells
	Lanes     int    // names on their way at once
	Log       *slog.Logger
	// Updating waits until names below data/ may change.
	Updating func(ctx context.Context) error
}

// Placer gives and takes the names of one run.
type Placer struct {
	s       *store.Store
	journal *journal.Journal
	counts  *progress.Counts
	o       Options
	changes
	refusals refusals
	trials   trials
	aside    string // directory in tmp/ for what stands in the way of another kind; "": none yet
}

// New makes one.
func New(s *store.Store, j *journal.Journal, counts *progress.Counts, o Options) *Placer {
	return &Placer{s: s, journal: j, counts: counts, o: o, trials: trials{s: s, slot: o.Slot, directory: o.Directory}}
}

// Left is what the server refused.
func (p *Placer) Left() []Left { return p.refusals.named }

// Extra is how many names stay on the server that were to be deleted.
func (p *Placer) Extra() int64 { return int64(len(p.refusals.stuck)) }

// Await waits until the name of an item may be made.
func (p *Placer) Await(ctx context.Context, i *Item) error {
	if err := p.o.Updating(ctx); err != nil {
		return err
	}
	return i.In.wait(ctx)
}

// Offer makes an item in a directory on the server by do, by its escaped name if the server refuses its own. It returns where it is.
// An item that the server refuses under both is left out: ErrLeft.
func (p *Placer) Offer(ctx context.Context, i *Item, dir string, do func(at string) error) (at string, err error) {
	at = dir + "/" + i.Entry.StoredName()
	err = do(at)
	if err == nil {
		p.refusals.took(i, at, false)
		return at, nil
	}
	if !refusal(ctx, err) || !errors.Is(err, store.ErrKillsSession) && p.occupied(ctx, i, at) {
		return "", err
	}
	if i.Entry.Stored == "" {
		other := dir + "/" + manifest.Escape(manifest.Base(i.Entry.Path))
		switch escapedErr := do(other); {
		case escapedErr == nil:
			p.o.Log.Info("escape a name that the server refuses", "path", i.Entry.Path, "error", err)
			p.refusals.took(i, other, true)
			return other, p.clear(ctx, at, err)
		case !refusal(ctx, escapedErr):
			return "", escapedErr
		}
	}
	if clearErr := p.clear(ctx, at, err); clearErr != nil {
		return "", clearErr
	}
	return "", p.Refuse(ctx, i, err)
}

// clear removes what a request left that was given up, if a listing shows it: its name may not be used again.
func (p *Placer) clear(ctx context.Context, at string, err error) error {
	if !errors.Is(err, store.ErrKillsSession) {
		return nil
	}
	list, err := p.s.List(ctx, dest.Parent(at))
	if err != nil {
		return err
	}
	for _, info := range list {
		switch {
		case info.Name != manifest.Base(at):
		case store.IsDir(info.Mode):
			return store.RemoveTree(ctx, p.s, at)
		default:
			return p.s.Remove(ctx, at)
		}
	}
	return nil
}

// occupied reports whether something of another kind stands where an item belongs, or the directory around it is gone: the next run,
// which lists the slot, knows what to do about it.
func (p *Placer) occupied(ctx context.Context, i *Item, at string) bool {
	if info, err := p.s.Stat(ctx, at); err == nil {
		return store.IsDir(info.Mode) != i.Entry.IsDir()
	}
	info, err := p.s.Stat(ctx, dest.Parent(at))
	return errors.Is(err, fs.ErrNotExist) || err == nil && !store.IsDir(info.Mode)
}

// Refuse leaves an item out, if the server takes others. It returns ErrLeft then, else cause.
func (p *Placer) Refuse(ctx context.Context, i *Item, cause error) error {
	if !refusal(ctx, cause) {
		return cause
	}
	if err := p.o.Updating(ctx); err != nil {
		return err
	}
	if err := p.trials.serves(ctx, i.Entry.Size, cause); err != nil {
		return err
	}
	a := amend{missing: true}
	if p.keeps(ctx, i, cause) {
		kept := *i.Old
		kept.Flags |= manifest.Stale
		kept.Link, kept.Stored = "", i.Entry.Stored
		a.kept = &kept
	}
	if err := p.refusals.leave(i.Entry.Path, a, cause); err != nil {
		return err
	}
	if a.kept == nil && i.Have != plan.None {
		p.deleteLater(i.At, i.Have == plan.Dir)
	}
	p.o.Log.Warn("leave out what the server refuses", "path", i.Entry.Path, "error", cause)
	return ErrLeft
}

// keeps reports whether the slot still has the file as it was before.
func (p *Placer) keeps(ctx context.Context, i *Item, cause error) bool {
	if i.Have != plan.File || i.Old == nil || !i.Old.IsRegular() || p.o.Listed || errors.Is(cause, store.ErrKillsSession) {
		return false
	}
	info, err := p.s.Stat(ctx, i.At)
	return err == nil && info.Size == i.Old.Size // what replaces it may have taken it away first
}

// KeepUnreadable makes of an item what the slot has of a file that cannot be read. It reports false if that is nothing.
func (p *Placer) KeepUnreadable(i *Item) (kept bool) {
	if i.Have == plan.File && i.Old != nil && i.Old.IsRegular() && !p.o.Listed {
		// Gone may also mean replaced since the walk: the next run tells.
		i.Entry = *i.Old
		i.Entry.Flags |= manifest.Stale
		if i.Entry.Nlink > 1 {
			i.Entry.Link = ""
		}
		return true
	}
	p.Drop(i)
	return false
}

// Drop has what stands there of an item removed at the end.
func (p *Placer) Drop(i *Item) {
	if i.Have != plan.None {
		p.deleteLater(i.At, i.Have == plan.Dir)
		p.change(i.In)
	}
}
