package slot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/store"
)

// delete removes what the source does not have: files first, then directories from below. What the server does not let go stays, and
// is told of: it is not in the manifest.
func (j *job) delete(ctx context.Context) error {
	var files, dirs []string
	for _, g := range j.deletions {
		switch {
		case j.left.claims(g.at): // another entry stands there meanwhile
		case g.dir:
			dirs = append(dirs, g.at)
		default:
			files = append(files, g.at)
		}
	}
	concurrency := min(store.Removals, j.o.Lanes)
	err := parallel.Each(ctx, concurrency, files, func(ctx context.Context, at string) error {
		return j.deleted(ctx, at, j.Remove(ctx, at))
	})
	if err != nil {
		return err
	}
	return j.RemoveDirs(ctx, concurrency, dirs, func(ctx context.Context, at string) error {
		return j.deleted(ctx, at, j.RemoveDir(ctx, at))
	})
}

// deleted enters how a deletion ended. It returns err if that is no matter of this name alone.
func (j *job) deleted(ctx context.Context, at string, err error) error {
	if err == nil {
		j.count.Deleted.Add(1)
		return nil
	}
	if !refusal(ctx, err) {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	holds := func(stuck string) bool { return manifest.Below(stuck, at) }
	if slices.ContainsFunc(j.left.stuck, holds) {
		return nil // it is not empty
	}
	j.left.stuck = append(j.left.stuck, at)
	if n := len(j.left.stuck); n > mostLeft && n > len(j.deletions)/2 {
		return fmt.Errorf("the server refuses most deletions: %w", err)
	}
	if len(j.left.named) < mostNamed {
		path := strings.TrimPrefix(at, j.slot+"/data/")
		j.left.named = append(j.left.named, Left{path, "it cannot be deleted: " + err.Error()})
	}
	j.o.Log.Warn("leave what cannot be deleted", "path", at, "error", err)
	return nil
}

// dropUnmarked removes this run's temporary files but those that the next run can go on with.
func (j *job) dropUnmarked(ctx context.Context) error {
	return j.SweepOwnTemp(ctx, j.slot)
}
