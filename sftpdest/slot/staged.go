package slot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/store"
)

// stager builds staged directories.
type stager struct {
	s     *store.Store
	slot  string
	place *place.Placer
	lanes int
	log   *slog.Logger
}

// start makes the directory in tmp/.
func (t *stager) start(ctx context.Context, n *stagedDir) error {
	defer close(n.made)
	n.dir = t.s.Temps(t.slot).Name()
	n.err = store.MakeDir(ctx, t.s, n.dir, n.directory.Entry.Mode&0o777|0o700)
	return n.err
}

// put brings a file into its staged directory.
func (t *stager) put(ctx context.Context, s *step, content []byte) (at string, durable bool, err error) {
	n := s.staged
	select {
	case <-n.made:
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
	if n.err != nil {
		return "", false, n.err
	}
	at, err = t.place.Offer(ctx, &s.Item, n.dir, func(name string) error {
		temp, synced, err := t.s.Temps(t.slot).PutAs(ctx, name, content, store.Attributes(s.Entry.Mode, 0o600, s.Entry.MTime))
		if err == nil && temp != name {
			err = t.s.Rename(ctx, temp, name)
		}
		durable = synced
		return err
	})
	if err != nil {
		return "", false, err
	}
	n.mu.Lock()
	n.inside = append(n.inside, stagedFile{s.StoredAt(at), durable})
	n.mu.Unlock()
	return at, durable, nil
}

// release says that one who holds a staged directory has done with it. The last one gives it its name and notes the files in it.
func (t *stager) release(ctx context.Context, n *stagedDir) error {
	if n.left.Add(-1) > 0 {
		return nil
	}
	err := t.install(ctx, n)
	n.directory.Self.Ready(err)
	if err != nil && !errors.Is(err, place.ErrLeft) {
		return err
	}
	for _, f := range n.behind {
		if err := f(ctx); err != nil && !errors.Is(err, place.ErrLeft) {
			return err
		}
	}
	return nil
}

func (t *stager) install(ctx context.Context, n *stagedDir) error {
	s := n.directory
	if err := t.place.Await(ctx, &s.Item); err != nil {
		return err
	}
	if err := t.place.InstallDir(ctx, &s.Item, func(at string) error { return t.rename(ctx, n, at) }); err != nil {
		return fmt.Errorf("%s: %w", show(s.Entry.Path), err)
	}
	for _, f := range n.inside {
		if err := t.place.Note(f.entry, f.durable); err != nil {
			return err
		}
	}
	n.inside = nil // the directory is known to the end of the run
	return nil
}

// rename gives a staged directory its name.
func (t *stager) rename(ctx context.Context, n *stagedDir, at string) error {
	err := t.s.Rename(ctx, n.dir, at)
	if err == nil || store.Ends(ctx, err) {
		return err
	}
	t.log.Debug("move directory", "path", n.directory.Entry.Path, "error", err)
	return t.moveIndividually(ctx, n, at)
}

// moveIndividually moves the files of a staged directory one by one, where the directory cannot be moved: one may be there that nobody knew of.
func (t *stager) moveIndividually(ctx context.Context, n *stagedDir, target string) error {
	if err := store.MakeDir(ctx, t.s, target, n.directory.Entry.Mode&0o777|0o700); err != nil {
		return err
	}
	err := parallel.Each(ctx, t.lanes, n.inside, func(ctx context.Context, f stagedFile) error {
		base := f.entry.StoredName()
		return t.s.Rename(ctx, manifest.Join(n.dir, base), manifest.Join(target, base))
	})
	if err != nil {
		return err
	}
	return t.s.RemoveDir(ctx, n.dir)
}
