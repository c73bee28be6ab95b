package slot

import (
	"cmp"
	"context"
	"slices"

	"slotfs/indexer/manifest"
)

// siblings are the backups that other jobs have of the account, the newest one first: what a slot can be filled from where the job has
// none of its own. Slots of another machine are left out, which may have another account of that name. They are only read, and the lock
// that whoever calls Run has on the account keeps runs of this machine from changing them meanwhile.
func (j *job) siblings(ctx context.Context) (found []Slot) {
	if j.o.Mode != manifest.Incremental || j.o.Fill == FillUpload {
		return nil
	}
	for _, dir := range j.o.Siblings {
		slots, err := List(ctx, j, dir)
		if err == nil {
			err = owned(slots, &Options{Directory: dir, Machine: j.o.Machine, Host: j.o.Host})
		}
		if err != nil {
			j.o.Log.Debug("slots of another job", "directory", dir, "error", err)
			continue
		}
		for _, s := range slots {
			if s.Complete() && s.State.Mode == j.o.Mode {
				found = append(found, s)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Slot) int { return -cmp.Compare(a.State.Started.UnixNano(), b.State.Started.UnixNano()) })
	return found
}
