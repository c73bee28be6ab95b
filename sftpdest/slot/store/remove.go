package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/parallel"
)

// Removals is how many names are taken away side by side at most.
const Removals = 512

// RemoveDirs calls remove for directories that have nothing but each other in them, from below.
func (s *Store) RemoveDirs(ctx context.Context, concurrency int, dirs []string, remove func(ctx context.Context, dir string) error) error {
	depth := func(dir string) int { return strings.Count(dir, "/") }
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(depth(b), depth(a)) })
	for len(dirs) > 0 {
		n := slices.IndexFunc(dirs, func(dir string) bool { return depth(dir) != depth(dirs[0]) })
		if n < 0 {
			n = len(dirs)
		}
		if err := parallel.Each(ctx, concurrency, dirs[:n], remove); err != nil {
			return err
		}
		dirs = dirs[n:]
	}
	return nil
}

// RemoveTree removes root and all below it.
func (s *Store) RemoveTree(ctx context.Context, root string) error {
	dirs := []string{root}
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(Removals)
	var failure error
	for p, err := range Walk(inner, s, root, nil) {
		if err != nil {
			failure = err
			break
		}
		full := manifest.Join(root, p.At)
		if IsDir(p.Info.Mode) {
			dirs = append(dirs, full)
			continue
		}
		g.Go(func() error { return s.Remove(inner, full) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	return s.RemoveDirs(ctx, Removals, dirs, s.RemoveDir)
}

// Sweep removes what is unwanted among the names of a directory. What cannot be removed does not keep the rest.
func (s *Store) Sweep(ctx context.Context, dir string, names []dest.Info, unwanted func(info dest.Info) bool) error {
	var g errgroup.Group
	g.SetLimit(Removals)
	for _, info := range names {
		if !unwanted(info) {
			continue
		}
		g.Go(func() error {
			if IsDir(info.Mode) {
				return s.RemoveTree(ctx, manifest.Join(dir, info.Name))
			}
			return s.Remove(ctx, manifest.Join(dir, info.Name))
		})
	}
	return g.Wait()
}

// SweepTemp removes the temporary files of a slot that other runs left, or those of all runs.
func (s *Store) SweepTemp(ctx context.Context, slot string, all bool) error {
	tmp := slot + "/tmp"
	names, err := s.ListPrefetched(ctx, tmp)
	if err != nil {
		return Missing(err)
	}
	return s.Sweep(ctx, tmp, names, func(info dest.Info) bool { return all || !s.Own(info) })
}

// SweepOwnTemp removes this run's temporary files from a slot but those that are held.
func (s *Store) SweepOwnTemp(ctx context.Context, slot string) error {
	tmp := slot + "/tmp"
	names, err := s.List(ctx, tmp)
	if err != nil {
		return err
	}
	return s.Sweep(ctx, tmp, names, func(info dest.Info) bool { return s.Own(info) && !s.holds(manifest.Join(tmp, info.Name)) })
}

// Own reports whether a temporary file is one of this run.
func (s *Store) Own(info dest.Info) bool { return strings.HasPrefix(info.Name, s.Run+"-") }
