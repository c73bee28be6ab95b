package slot

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
)

// removals is how many names are taken away side by side at most.
const removals = 512

// delete removes what the source does not have: files first, then folders from below.
func (j *job) delete(ctx context.Context) error {
	var files, dirs []string
	for _, g := range j.gone {
		switch {
		case j.left.claims(g.at): // another entry stands there meanwhile
		case g.dir:
			dirs = append(dirs, g.at)
		default:
			files = append(files, g.at)
		}
	}
	j.sum.deleted.Add(int64(len(j.gone)))
	lanes := min(removals, j.o.Lanes)
	if err := each(ctx, lanes, files, j.drop); err != nil {
		return err
	}
	return j.dropDirs(ctx, lanes, dirs)
}

// dropDirs removes folders that have nothing but each other, from below.
func (r *remote) dropDirs(ctx context.Context, lanes int, dirs []string) error {
	depth := func(dir string) int { return strings.Count(dir, "/") }
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(depth(b), depth(a)) })
	for len(dirs) > 0 {
		n := slices.IndexFunc(dirs, func(dir string) bool { return depth(dir) != depth(dirs[0]) })
		if n < 0 {
			n = len(dirs)
		}
		if err := each(ctx, lanes, dirs[:n], r.dropDir); err != nil {
			return err
		}
		dirs = dirs[n:]
	}
	return nil
}

// removeTree removes root and all below it.
func (r *remote) removeTree(ctx context.Context, root string) error {
	dirs := []string{root}
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(removals)
	var failure error
	for p, err := range walkRemote(inner, r.Store, root) {
		if err != nil {
			failure = err
			break
		}
		full := join(root, p.at)
		if isDir(p.info.Mode) {
			dirs = append(dirs, full)
			continue
		}
		g.Go(func() error { return r.drop(inner, full) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	return r.dropDirs(ctx, removals, dirs)
}

// sweep removes what is unwanted among the names of a folder. What cannot be removed does not keep the rest.
func (r *remote) sweep(ctx context.Context, dir string, names []dest.Info, unwanted func(info dest.Info) bool) error {
	var g errgroup.Group
	g.SetLimit(removals)
	for _, info := range names {
		if !unwanted(info) {
			continue
		}
		g.Go(func() error {
			if isDir(info.Mode) {
				return r.removeTree(ctx, join(dir, info.Name))
			}
			return r.drop(ctx, join(dir, info.Name))
		})
	}
	return g.Wait()
}

// sweepSlot removes temporary files: those of other runs, at the end all.
func (r *remote) sweepSlot(ctx context.Context, slot string, all bool) error {
	tmp := slot + "/tmp"
	names, err := r.list(ctx, tmp)
	if err != nil {
		return missing(err)
	}
	return r.sweep(ctx, tmp, names, func(info dest.Info) bool { return all || !strings.HasPrefix(info.Name, r.run+"-") })
}

// sweepOwn removes this run's temporary files but those that are kept.
func (r *remote) sweepOwn(ctx context.Context, slot string, kept func(temp string) bool) error {
	tmp := slot + "/tmp"
	names, err := r.List(ctx, tmp)
	if err != nil {
		return err
	}
	return r.sweep(ctx, tmp, names, func(info dest.Info) bool {
		return strings.HasPrefix(info.Name, r.run+"-") && !kept(join(tmp, info.Name))
	})
}

// dropUnmarked removes this run's temporary files but those that a mark tells of.
func (j *job) dropUnmarked(ctx context.Context) error { return j.sweepOwn(ctx, j.slot, j.parts.marked) }
