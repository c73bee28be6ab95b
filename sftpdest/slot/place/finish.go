package place

import (
	"context"

	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/store"
)

// Delete removes what the source does not have: files first, then directories from below. What the server does not let go stays, and
// is told of: it is not in the manifest.
func (p *Placer) Delete(ctx context.Context) error {
	var files, dirs []string
	for _, d := range p.deletions {
		switch {
		case p.refusals.claims(d.at): // another entry stands there meanwhile
		case d.dir:
			dirs = append(dirs, d.at)
		default:
			files = append(files, d.at)
		}
	}
	concurrency := min(store.Removals, p.o.Lanes)
	err := parallel.Each(ctx, concurrency, files, func(ctx context.Context, at string) error {
		return p.deleted(ctx, at, p.s.Remove(ctx, at))
	})
	if err != nil {
		return err
	}
	return store.RemoveDirs(ctx, concurrency, dirs, func(ctx context.Context, at string) error {
		return p.deleted(ctx, at, p.s.RemoveDir(ctx, at))
	})
}

// deleted enters how a deletion ended. It returns err if that is no matter of this name alone.
func (p *Placer) deleted(ctx context.Context, at string, err error) error {
	if err == nil {
		p.counts.Deleted.Add(1)
		return nil
	}
	if !refusal(ctx, err) {
		return err
	}
	news, most := p.refusals.keep(p.o.Slot+"/data", at, len(p.deletions), err)
	if news && most == nil {
		p.o.Log.Warn("leave what cannot be deleted", "path", at, "error", err)
	}
	return most
}

// maxSyncing is how many directories are open at once at most to be made durable: servers limit handles, and one that opens no
// more looks like one that opens no directories.
const maxSyncing = 256

// SyncDirs makes the names of directories durable in which something changed, and sets their attributes last.
func (p *Placer) SyncDirs(ctx context.Context) error {
	return parallel.Each(ctx, min(p.o.Lanes, maxSyncing), p.changed, func(ctx context.Context, d *Directory) error {
		return p.s.SyncDirAttributes(ctx, d.at, store.Attributes(d.entry.Mode, 0o700, d.entry.MTime))
	})
}
