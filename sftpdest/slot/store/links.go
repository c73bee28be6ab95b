package store

import (
	"context"
	"errors"
	"sync"

	"slotfs/indexer/dest"
)

// links is what is known of the server's symbolic links.
type links struct {
	mu    sync.Mutex // guards what follows
	tried bool
	work  bool // they become what they should
}

// Symlink makes a symbolic link under a temporary name. errors.ErrUnsupported: the server makes none. No text is read back:
// there are servers that do not survive the reading of a long one.
func (t Temps) Symlink(ctx context.Context, target string) (temp string, err error) {
	work, err := t.symlinksWork(ctx)
	if err != nil {
		return "", err
	}
	if !work {
		return "", errors.ErrUnsupported
	}
	return t.fresh(ctx, func(name string) error { return t.s.Symlink(ctx, target, name) })
}

// symlinksWork tries once whether the server makes symbolic links: some take the two names in the other order, or make targets
// absolute.
func (t Temps) symlinksWork(ctx context.Context) (bool, error) {
	s := t.s
	s.links.mu.Lock()
	defer s.links.mu.Unlock()
	if s.links.tried {
		return s.links.work, nil
	}
	const target = "a/b"
	text := ""
	temp, err := t.fresh(ctx, func(name string) error { return s.Symlink(ctx, target, name) })
	if err == nil {
		err = Retry(ctx, func() (err error) {
			text, err = s.ReadLink(ctx, temp)
			return err
		})
	}
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return false, err
	}
	s.links.tried, s.links.work = true, err == nil && text == target
	return s.links.work, nil
}
