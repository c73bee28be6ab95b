package slot

import (
	"context"

	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/store"
)

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
	lanes := min(store.Removals, j.o.Lanes)
	if err := parallel.Each(ctx, lanes, files, j.Remove); err != nil {
		return err
	}
	return j.RemoveDirs(ctx, lanes, dirs)
}

// dropUnmarked removes this run's temporary files but those that a mark tells of.
func (j *job) dropUnmarked(ctx context.Context) error {
	return j.SweepOwnTemp(ctx, j.slot, j.parts.marked)
}
