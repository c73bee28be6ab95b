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
func RemoveDirs(ctx context.Context, concurrency int, dirs []string, remove func(ctx context.Context, dir string) error) error {
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

// remover is where names are removed.
type remover interface {
	lister
	Remove(ctx context.Context, p string) error
	RemoveDir(ctx context.Context, p string) error
}

// RemoveTree removes root and all below it.
func RemoveTree(ctx context.Context, d remover, root string) error {
	dirs := []string{root}
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(Removals)
	var failure error
	for p, err := range Walk(inner, d, root, nil) {
		if err != nil {
			failure = err
			break
		}
		full := manifest.Join(root, p.At)
		if IsDir(p.Info.Mode) {
			dirs = append(dirs, full)
			continue
		}
		g.Go(func() error { return d.Remove(inner, full) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	return RemoveDirs(ctx, Removals, dirs, d.RemoveDir)
}

// sweep removes what is unwanted among the names of a directory. What cannot be removed does not keep the rest.
func sweep(ctx context.Context, d remover, dir string, names []dest.Info, unwanted func(info dest.Info) bool) error {
	var g errgroup.Group
	g.SetLimit(Removals)
	for _, info := range names {
		if !unwanted(info) {
			continue
		}
		g.Go(func() error {
			if IsDir(info.Mode) {
				return RemoveTree(ctx, d, manifest.Join(dir, info.Name))
			}
			return d.Remove(ctx, manifest.Join(dir, info.Name))
		})
	}
	return g.Wait()
}

// Sweep removes the temporary files that other runs left, or those of all runs.
func (t Temps) Sweep(ctx context.Context, all bool) error {
	names, err := t.s.ListPrefetched(ctx, t.dir())
	if err != nil {
		return Missing(err)
	}
	return sweep(ctx, t.s, t.dir(), names, func(info dest.Info) bool { return all || !t.own(info) })
}

// SweepOwn removes this run's temporary files but those that are held.
func (t Temps) SweepOwn(ctx context.Context) error {
	names, err := t.s.List(ctx, t.dir())
	if err != nil {
		return err
	}
	return sweep(ctx, t.s, t.dir(), names, func(info dest.Info) bool { return t.own(info) && !t.s.holds(manifest.Join(t.dir(), info.Name)) })
}

// own reports whether a temporary file is one of this run.
func (t Temps) own(info dest.Info) bool { return strings.HasPrefix(info.Name, t.s.Run+"-") }
