package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/store"
)

// Room is how many bytes slots take, as far as their states tell: less where files are linked between them.
func Room(slots []Slot) (bytes int64) {
	for i := range slots {
		switch s := &slots[i].State; {
		case s.Archive != nil:
			bytes += s.Archive.Size
		case s.Manifest != nil:
			bytes += s.Manifest.Bytes
		}
	}
	return bytes
}

// Forget removes all slots of an account, the oldest first, and the account's directory. At every instant each slot is a whole backup or
// marked as being removed; what an interrupted call leaves is removed by the next one. Nothing is removed if a slot is pinned or
// being read. It returns the slots that are gone.
func Forget(ctx context.Context, d dest.ReadWriter, directory string, owner Owner) (gone []Slot, err error) {
	r, err := rotationIn(d, directory, owner)
	if err == nil {
		gone, err = r.forget(ctx)
	}
	if err != nil {
		return gone, fmt.Errorf("forget %s: %w", directory, err)
	}
	return gone, nil
}

func (r *rotation) forget(ctx context.Context) (gone []Slot, err error) {
	l, err := r.acquire(ctx)
	if err != nil {
		return nil, err
	}
	released := false
	defer func() {
		if !released {
			l.Release(ctx)
		}
	}()
	slots, err := List(ctx, r, r.o.Directory)
	if err == nil {
		err = owned(slots, r.o)
	}
	if err == nil {
		err = r.mayForget(ctx, slots)
	}
	for i := len(slots) - 1; i >= 0 && err == nil; i-- {
		if err = r.forgetSlot(ctx, slots[i]); err == nil {
			gone = append(gone, slots[i])
		}
	}
	if err != nil {
		return gone, err
	}
	if err := r.removeClocks(ctx); err != nil {
		return gone, err
	}
	l.Release(ctx)
	released = true
	return gone, r.removeAccount(ctx)
}

// mayForget makes sure, before anything is removed, that all of it may go.
func (r *rotation) mayForget(ctx context.Context, slots []Slot) error {
	for i := range slots {
		if slots[i].State.Pinned {
			return fmt.Errorf("%s: %w", slots[i].Path, ErrPinned)
		}
		held, err := r.held(ctx, slots[i].Path)
		if err != nil {
			return err
		}
		if held {
			return fmt.Errorf("%s is being read: %w", slots[i].Path, lease.ErrBusy)
		}
	}
	return nil
}

// forgetSlot removes one slot, whatever it is. It takes a copy: what is returned of the slot is how it was.
func (r *rotation) forgetSlot(ctx context.Context, s Slot) error {
	if s.State.Phase != "" && s.State.Phase != manifest.Deleting {
		if condemned, err := r.markDeleting(ctx, &s); err != nil {
			return err
		} else if !condemned {
			return fmt.Errorf("%s is being read: %w", s.Path, lease.ErrBusy)
		}
	}
	return r.removeSlot(ctx, s.Path)
}

// removeClocks removes files that runs made to learn the time of the server, and that a break left.
func (r *rotation) removeClocks(ctx context.Context) error {
	names, err := r.List(ctx, r.o.Directory)
	if err != nil {
		return err
	}
	for _, info := range names {
		if strings.HasPrefix(info.Name, lease.ClockPrefix) {
			if err := r.Remove(ctx, r.o.Directory+"/"+info.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeAccount removes the account's directory. What somebody else put there, or another run that has begun, keeps it.
func (r *rotation) removeAccount(ctx context.Context) error {
	err := store.Retry(ctx, func() error { return r.Raw().RemoveDir(ctx, r.o.Directory) })
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if names, listErr := r.Raw().List(ctx, r.o.Directory); listErr == nil && len(names) > 0 {
		r.o.Log.Info("the account's directory is not empty", "directory", r.o.Directory, "names", len(names))
		return nil
	}
	return err
}
