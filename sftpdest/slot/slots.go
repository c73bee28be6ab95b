package slot

import (
	"context"
	"os"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
)

// rotation is the slots of one account.
type rotation struct {
	*store.Store
	o *Options
}

func newRotation(d dest.ReadWriter, o *Options) *rotation {
	return &rotation{store.New(d, o.Budget), o}
}

// acquire takes the account.
func (r *rotation) acquire(ctx context.Context) (*lease.Lease, error) {
	return lease.Acquire(ctx, r.Store, r.o.Directory, r.o.leases())
}

// held reports whether somebody reads a slot.
func (r *rotation) held(ctx context.Context, slot string) (bool, error) {
	return lease.Held(ctx, r.Store, r.o.leases(), r.o.Directory, slot)
}

// rotationIn is the slots in a directory, for what is not a run.
func rotationIn(d dest.ReadWriter, dir string, owner Owner) (*rotation, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	o, err := Options{Directory: dir, Policy: Policy{Last: 1}, Mode: manifest.Incremental, Host: host, Machine: owner.Machine, Adopt: owner.Adopt}.withDefaults()
	if err != nil {
		return nil, err
	}
	return newRotation(d, &o), nil
}

// underLease runs f with all slots of the account and the one of the number, under the account's lease and if they are this machine's.
func (r *rotation) underLease(ctx context.Context, number int, f func(slots []Slot, s *Slot) error) error {
	l, err := r.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.Release(ctx)
	slots, err := List(ctx, r, r.o.Directory)
	if err == nil {
		err = owned(slots, r.o)
	}
	if err != nil {
		return err
	}
	s, err := state.One(ctx, r.Store, r.o.Directory, number)
	if err != nil {
		return err
	}
	return f(slots, &s)
}
