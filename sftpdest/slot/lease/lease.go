// Package lease keeps two runs from writing to one account, and runs from overwriting a slot that somebody reads. It knows names
// and times of files in an account's directory, and nothing of what is in a slot.
//
// Leases are files `lease.RUN` in the account's directory. Whoever made one and then sees no other one holds the account.
// One that was not written to for the time to live, by the server's clock or while who comes watches one that is ahead of that, is stale: who comes makes his own, looks
// whether the stale one was written to meanwhile, and removes it. Who writes to his own looks for others after that.
// So of two that race at least one sees the other. Each run looks again before it commits.
package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/store"
)

// ErrBusy says that another run holds the account.
var ErrBusy = errors.New("another run holds the account")

const prefix = "lease."

// Options say how leases are kept. All are needed.
type Options struct {
	Host string
	TTL  time.Duration // how long a run is taken to be alive that is not heard of
	Now  func() time.Time
	Log  *slog.Logger
	Dead func(h *Holder) bool              // whether who left a lease is known to be dead
	Beat func() (<-chan time.Time, func()) // when the lease is refreshed
}

// Lease is a held one.
type Lease struct {
	s     *store.Store
	d     dest.ReadWriter // what is written here must not look at the lease
	o     *Options
	dir   string // the account's
	name  string
	text  []byte
	names []dest.Info

	mu   sync.Mutex // guards what follows
	last time.Time  // when it was written
}

// Acquire takes the account, and makes its directory if that is not there. From then on s moves and removes nothing after the
// lease is lost. ErrBusy says that another run holds the account.
func Acquire(ctx context.Context, s *store.Store, dir string, o *Options) (*Lease, error) {
	names, err := s.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = store.MakeDirs(ctx, s, dir)
	}
	if err != nil {
		return nil, err
	}
	old := leases(names)
	for n := range old {
		if stale, err := stale(ctx, s, dir, old[n], o); err != nil || !stale {
			return nil, errors.Join(err, busy(dir, err))
		}
	}
	text, err := json.Marshal(Self(s.Run, o.Host))
	if err != nil {
		return nil, err
	}
	l := &Lease{s: s, d: s.Raw(), o: o, dir: dir, name: dir + "/" + prefix + s.Run, text: text, last: o.Now()}
	if err := l.create(ctx, old); err != nil {
		l.Release(ctx)
		return nil, err
	}
	for _, info := range old {
		if err := s.Remove(ctx, dir+"/"+info.Name); err != nil {
			l.Release(ctx)
			return nil, err
		}
	}
	s.SetFence(l)
	return l, nil
}

// Names are those in the account's directory when it was taken.
func (l *Lease) Names() []dest.Info { return l.names }

// TTL is how long a lease lasts that is not refreshed.
func (l *Lease) TTL() time.Duration { return l.o.TTL }

// leases are those among the names of a directory.
func leases(names []dest.Info) map[string]dest.Info {
	found := make(map[string]dest.Info)
	for _, info := range names {
		if strings.HasPrefix(info.Name, prefix) {
			found[info.Name] = info
		}
	}
	return found
}

func busy(dir string, err error) error {
	if err != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", dir, ErrBusy)
}

// create makes the lease, and looks who else is there but known stale ones. Others see it from its name on: what it says
// only tells them sooner that it is left over.
func (l *Lease) create(ctx context.Context, known map[string]dest.Info) error {
	var out dest.WriteFile
	lost := false // it may be there then
	err := store.Retry(ctx, func() (err error) {
		out, err = l.d.Create(ctx, l.name, dest.Create{Existing: lost})
		lost = lost || errors.Is(err, dest.ErrUnreachable)
		return err
	})
	if err != nil {
		return err
	}
	return parallel.Do(ctx, func(ctx context.Context) error {
		err := fill(ctx, out, l.text)
		switch {
		case err == nil:
			return nil
		case errors.Is(l.s.ClassifyNoSpace(ctx, l.dir, err), store.ErrFull):
			// An empty lease holds the account as well, and surplus slots can be deleted to make room.
			l.o.Log.Warn("the lease is empty: no space left", "directory", l.dir, "error", err)
			return nil
		case !errors.Is(err, dest.ErrUnreachable):
			return err
		}
		return store.Retry(ctx, func() error { return write(ctx, l.d, l.name, l.text, dest.Create{Existing: true}) })
	}, func(ctx context.Context) (err error) {
		l.names, err = l.look(ctx, known)
		return err
	})
}

// Alone makes sure that no other lease appeared.
func (l *Lease) Alone(ctx context.Context) error {
	_, err := l.look(ctx, nil)
	return err
}

// look makes sure that no other lease appeared but known stale ones, and that nobody wrote to those. It returns the names
// in the directory.
func (l *Lease) look(ctx context.Context, known map[string]dest.Info) ([]dest.Info, error) {
	var names []dest.Info
	err := store.Retry(ctx, func() (err error) {
		names, err = l.d.List(ctx, l.dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	mine := false
	for n, info := range leases(names) {
		if l.dir+"/"+n == l.name {
			mine = true
		} else if old, ok := known[n]; !ok || old.MTime != info.MTime {
			return nil, busy(l.dir, nil)
		}
	}
	if !mine {
		return nil, busy(l.dir, nil)
	}
	return names, nil
}

// stale reports whether a lease is left over. Its age is by the server's clock alone.
func stale(ctx context.Context, s *store.Store, dir string, info dest.Info, o *Options) (bool, error) {
	text, err := store.Load(ctx, s, dir+"/"+info.Name, maxHolder)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // released
	}
	if err != nil && !errors.Is(err, store.ErrTooLong) {
		return false, err
	}
	var h Holder
	if json.Unmarshal(text, &h) == nil && h.Host == o.Host && h.Run != "" && o.Dead(&h) {
		return true, nil
	}
	now, err := ServerTime(ctx, s, dir)
	if err != nil {
		return false, err
	}
	ttl := int64(o.TTL / time.Second)
	if info.MTime-now > ttl {
		return untouched(ctx, s, dir, info, o)
	}
	return now-info.MTime > ttl, nil
}

// looks is how often a lease of the future is looked at in its time to live.
const looks = 8

// untouched watches a lease that is ahead of the server's clock, which was set back since. It reports whether nobody wrote to it for its
// time to live: otherwise a run that died would hold the account for years.
func untouched(ctx context.Context, s *store.Store, dir string, info dest.Info, o *Options) (bool, error) {
	o.Log.Warn("a lease is ahead of the server's clock: waiting whether its run is alive", "lease", dir+"/"+info.Name, "wait", o.TTL)
	look := time.NewTicker(o.TTL / looks)
	defer look.Stop()
	for range looks {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-look.C:
		}
		current, err := s.Stat(ctx, dir+"/"+info.Name)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil // released
		}
		if err != nil || current.MTime != info.MTime {
			return false, err
		}
	}
	return true, nil
}

// Release gives the account back, also when ctx has ended.
func (l *Lease) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Grace)
	defer cancel()
	// Who comes next finds it stale if it stays.
	_ = store.Retry(ctx, func() error { return store.Missing(l.d.Remove(ctx, l.name)) })
}
