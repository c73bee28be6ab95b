package place

import (
	"context"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// Install moves a finished temporary file to its name and notes it in the journal.
func (p *Placer) Install(ctx context.Context, i *Item, temp string, durable bool) error {
	if err := p.Await(ctx, i); err != nil {
		return err
	}
	p.change(i.In)
	at, err := p.Offer(ctx, i, i.In.at, func(at string) error { return p.s.Rename(ctx, temp, at) })
	if err != nil {
		return err
	}
	return p.journal.Add(i.StoredAt(at), durable)
}

// Note notes in the journal what the slot has.
func (p *Placer) Note(e *manifest.Entry, durable bool) error { return p.journal.Add(e, durable) }

// MakeDir makes the directory of an item under its name.
func (p *Placer) MakeDir(ctx context.Context, i *Item) error {
	return p.InstallDir(ctx, i, func(at string) error { return store.MakeDir(ctx, p.s, at, i.Entry.Mode&0o777|0o700) })
}

// InstallDir makes the directory of an item by do.
func (p *Placer) InstallDir(ctx context.Context, i *Item, do func(at string) error) error {
	at, err := p.Offer(ctx, i, i.In.at, do)
	if err != nil {
		return err
	}
	i.Self.at = at
	p.change(i.Self)
	p.change(i.In)
	return nil
}

// Symlink makes a symbolic link where the server can; the manifest has its text in any case.
func (p *Placer) Symlink(ctx context.Context, i *Item) error {
	temp, err := p.s.Temps(p.o.Slot).Symlink(ctx, i.Entry.Target)
	if err == nil {
		p.change(i.In)
		err = p.s.Rename(ctx, temp, i.target())
	}
	switch {
	case err == nil:
		return nil
	case !refusal(ctx, err): // without the lease nothing may be left out
		return err
	}
	p.o.Log.Debug("make link", "path", i.Entry.Path, "error", err)
	if i.Have == plan.File { // what is there is something else
		p.Drop(i)
	}
	return nil
}

// Remove has an item removed at the end that the source does not have.
func (p *Placer) Remove(i *Item) { p.deleteLater(i.At, i.Have == plan.Dir) }

// Prepare does what has to be done in the order of the plan, by one goroutine, and reports whether nothing is left to be done for the
// item.
func (p *Placer) Prepare(ctx context.Context, i *Item) (done bool, err error) {
	wrong := i.Have == plan.Dir && !i.Entry.IsDir() && i.Do != plan.Nothing || i.Have == plan.File && i.Entry.IsDir()
	if wrong {
		if err := p.setAside(ctx, i.At); err != nil {
			return false, err
		}
		p.change(i.In)
		i.Have = plan.None
	}
	if i.Have != plan.None && i.In != nil && i.Do != plan.Nothing {
		if err := p.relocate(ctx, i); err != nil {
			return false, err
		}
	}
	if i.Self != nil && i.Have == plan.Dir && i.In != nil {
		i.Self.at, i.Self.was = i.At, i.Where
	}
	if i.Entry.Flags&manifest.Stale != 0 && (i.Self != nil || i.Do == plan.Keep) {
		p.counts.Frozen.Add(1)
	}
	switch i.Do {
	case plan.Keep:
		if i.Self != nil {
			i.Self.Ready(nil)
			if i.Restamp {
				p.change(i.Self)
			}
		}
	case plan.Nothing:
		p.Drop(i)
		if i.Self != nil { // the server refused it before
			i.Self.Ready(ErrLeft)
		}
	default:
		return false, nil
	}
	return true, nil
}

// relocate renames what stands under another name than it is to have: names may clash that did not, and slots of older versions
// have none that are escaped.
func (p *Placer) relocate(ctx context.Context, i *Item) error {
	target := i.target()
	if i.At == target {
		return nil
	}
	if err := p.o.Updating(ctx); err != nil {
		return err
	}
	p.change(i.In)
	if err := p.s.Rename(ctx, i.At, target); err != nil {
		return err
	}
	if i.Have == plan.File {
		p.refusals.claim(target)
	}
	i.At = target
	return nil
}

// setAside moves what stands in the way of another kind into a directory of this run: the next run removes that before it changes
// anything, so that a request which comes late moves nothing of what it made.
func (p *Placer) setAside(ctx context.Context, name string) error {
	if err := p.o.Updating(ctx); err != nil {
		return err
	}
	if p.aside == "" {
		dir := p.s.Temps(p.o.Slot).Name()
		if err := store.MakeDir(ctx, p.s, dir, 0o700); err != nil {
			return err
		}
		p.aside = dir
	}
	return p.s.Rename(ctx, name, p.aside+"/"+manifest.Base(p.s.Temps(p.o.Slot).Name()))
}
