package content

import (
	"context"
	"sync"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
)

// Hold keeps a backup from being overwritten until release is called, or for ten minutes. It is asked for backups that
// say themselves what they are; whether it can be done is for the destination to say.
type Hold func(ctx context.Context, s *backup.Snapshot) (release func(context.Context) error, err error)

const (
	// renewHold is the interval of renewals, well below the ten minutes that a hold lasts.
	renewHold = 3 * time.Minute
	// releaseHold is how long giving back a hold may take, in all: a reader that is closed must not wait for the
	// network.
	releaseHold = 2 * time.Second
)

// readLeases are the holds on the backups that are being read.
type readLeases struct {
	mu sync.Mutex
	// mu guards what follows.
	held map[string]*readLease
}

// readLease is the hold on one backup.
type readLease struct {
	users int  // open files; guarded by the mu of readLeases
	used  bool // since the last renewal; likewise
}

// acquireLease counts a file of s that was opened, and has s held if it is the first one. It waits for nothing: until s is held a
// reader is told when s changes, as without a hold.
func (r *Reader) acquireLease(s *backup.Snapshot) *readLease {
	if r.o.Hold == nil || s.Mark == "" || s.Status != backup.Complete {
		return nil
	}
	key := s.Key() + "\x00" + s.Mark
	r.leases.mu.Lock()
	defer r.leases.mu.Unlock()
	h := r.leases.held[key]
	if h == nil {
		if !r.begin() {
			return nil
		}
		h = &readLease{}
		if r.leases.held == nil {
			r.leases.held = map[string]*readLease{}
		}
		r.leases.held[key] = h
		go r.keepHold(h, key, s)
	}
	h.users++
	h.used = true
	return h
}

func (r *Reader) releaseLease(h *readLease) {
	if h == nil {
		return
	}
	r.leases.mu.Lock()
	defer r.leases.mu.Unlock()
	h.users--
}

// keepHold holds s as long as it is read, and a little longer: who reads one file often reads the next one.
func (r *Reader) keepHold(h *readLease, key string, s *backup.Snapshot) {
	defer r.work.Done()
	release := r.renew(s, nil)
	defer func() { r.unhold(release) }()
	linger := time.NewTicker(r.o.LeaseTTL)
	defer linger.Stop()
	again := time.NewTicker(renewHold)
	defer again.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-again.C:
			release = r.renew(s, release)
		case <-linger.C:
			if r.unused(h, key) {
				return
			}
		}
	}
}

// unused reports whether nobody read since it was last called, and forgets the hold then.
func (r *Reader) unused(h *readLease, key string) bool {
	r.leases.mu.Lock()
	defer r.leases.mu.Unlock()
	if h.users > 0 || h.used {
		h.used = false
		return false
	}
	delete(r.leases.held, key)
	return true
}

// renew holds s anew and gives the old hold back. Without a hold, reading goes on all the same.
func (r *Reader) renew(s *backup.Snapshot, old func(context.Context) error) func(context.Context) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.o.Deadline)
	defer cancel()
	var release func(context.Context) error
	err := contain.Do(func() (err error) {
		release, err = r.o.Hold(ctx, s)
		return err
	})
	if err != nil {
		return old
	}
	r.unhold(old)
	return release
}

func (r *Reader) unhold(release func(context.Context) error) {
	if release == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), releaseHold)
	defer cancel()
	_ = contain.Do(func() error { return release(ctx) }) // what is left behind grows old
}
