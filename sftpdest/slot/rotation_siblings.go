package slot

import (
	"cmp"
	"context"
	"slices"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/store"
)

// siblings are the backups that other jobs have of the account, the newest one first: what a slot can be filled from where the job has
// none of its own. Slots of another machine are left out, which may have another account of that name. They are only read, and the lock
// that whoever calls Run has on the account keeps runs of this machine from changing them meanwhile.
func siblings(ctx context.Context, s *store.Store, o *Options) (found []Slot) {
	if o.Mode != manifest.Incremental || o.Fill == FillUpload {
		return nil
	}
	for _, dir := range o.Siblings {
		slots, err := List(ctx, s, dir)
		if err == nil {
			err = owned(slots, &Options{Directory: dir, Machine: o.Machine, Host: o.Host})
		}
		if err != nil {
			o.Log.Debug("slots of another job", "directory", dir, "error", err)
			continue
		}
		for _, other := range slots {
			if other.Complete() && other.State.Mode == o.Mode {
				found = append(found, other)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Slot) int { return -cmp.Compare(a.State.Started.UnixNano(), b.State.Started.UnixNano()) })
	return found
}
