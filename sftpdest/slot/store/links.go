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

// SymlinkTemp makes a symbolic link under a temporary name. errors.ErrUnsupported: the server makes none. No text is read back:
// there are servers that do not survive the reading of a long one.
func (s *Store) SymlinkTemp(ctx context.Context, slot, target string) (temp string, err error) {
	work, err := s.symlinksWork(ctx, slot)
	if err != nil {
		return "", err
	}
	if !work {
		return "", errors.ErrUnsupported
	}
	return s.fresh(ctx, slot, func(name string) error { return s.Symlink(ctx, target, name) })
}

// symlinksWork tries once whether the server makes symbolic links: some take the two names in the other order, or make targets
// absolute.
func (s *Store) symlinksWork(ctx context.Context, slot string) (bool, error) {
	s.links.mu.Lock()
	defer s.links.mu.Unlock()
	if s.links.tried {
		return s.links.work, nil
	}
	const target = "a/b"
	text := ""
	temp, err := s.fresh(ctx, slot, func(name string) error { return s.Symlink(ctx, target, name) })
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
