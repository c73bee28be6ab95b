package service

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/panel"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/schedule"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/service/scrubs"
	"slotfs/cmd/internal/users"
	"slotfs/fs"
)

// Service owns the index: it makes passes, shows snapshots, and answers on the control socket. That of a mount runs the
// schedules too.
type Service struct {
	*Environment
	index        *index.Index
	catalog      index.Catalog // of it, for all who look
	destinations *destinations
	runner       *passes.Runner
	scheduler    *passes.Scheduler
	scrubs       *scrubs.Runner
	daily        *scrubs.Daily
	mounts       mounts // none of a command that only works with the index
	unmounted    *shownView
	people       *users.Users
	proofs       *panel.Proofs
	accounts     accountViews
	catalogs     catalogs
	generation   atomic.Uint64 // counts changes of the catalog and the configuration
	oversight    *oversight
	listeners    *listeners
	since        time.Time
	handlers     *api.Handlers // of all listeners; nil before the socket is there
	changed      chan struct{} // has one when the catalog changed

	mu sync.Mutex
	// mu guards what follows.
	work context.Context // schedules end with it; nil before the mount is there
}

var _ api.Service = (*Service)(nil)

// newService wires a service up. It mounts nothing yet.
func newService(e *Environment, x *index.Index, d *destinations) *Service {
	s := &Service{Environment: e, index: x, catalog: index.Catalog{Index: x}, destinations: d, since: time.Now(), changed: make(chan struct{}, 1), unmounted: everything(), oversight: newOversight(e),
		listeners: newListeners(e.Log), people: users.New(users.Passwd), proofs: &panel.Proofs{Now: time.Now}}
	s.runner = &passes.Runner{Index: x, Targets: d, Dir: e.State.Passes(), Log: e.Log, Now: time.Now, Changed: s.wake,
		History: history.New(e.State.History()), Limits: d.limits}
	s.scheduler = &passes.Scheduler{Runner: s.runner, Log: e.Log, Now: time.Now}
	s.scrubs = &scrubs.Runner{Index: x, Targets: d, Log: e.Log, Now: time.Now, History: history.New(e.State.History()), Changed: s.wake}
	s.daily = &scrubs.Daily{Runner: s.scrubs, Last: s.lastScrub, Log: e.Log, Now: time.Now}
	return s
}

// wake has what is shown refreshed soon.
func (s *Service) wake() {
	s.generation.Add(1)
	s.oversight.outdate()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// minRefreshInterval is the least time between two refreshes: each one reads the whole catalog.
const minRefreshInterval = time.Second

// refresh shows what changed until ctx ends.
func (s *Service) refresh(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		}
		if err := s.mounts.refresh(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("refresh", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(minRefreshInterval):
		}
	}
}

// Index makes passes and shows what they found before it returns.
func (s *Service) Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error {
	if err := s.Reload(ctx); err != nil {
		return err
	}
	if _, err := Named(s.destinations.current(), q.Destinations); err != nil {
		return err
	}
	// The last event is held back until the mount shows what was found.
	var last *progress.Event
	err := s.runner.Run(ctx, q, func(e progress.Event) {
		if last != nil {
			emit(*last)
			last = nil
		}
		if e.Kind == progress.Finished {
			last = &e
			return
		}
		emit(e)
	})
	s.refreshNow(context.WithoutCancel(ctx))
	s.mounts.await(ctx)
	if q.Account == "" && ctx.Err() == nil {
		s.lookAfterPass(ctx)
	}
	if last != nil {
		emit(*last)
	}
	return err
}

// refreshNow refreshes the mount. What it cannot show yet is shown by a later refresh.
func (s *Service) refreshNow(ctx context.Context) {
	if err := s.mounts.refresh(ctx); err != nil {
		s.Log.Error("refresh", "error", err)
	}
}

// Report tells what `slotfs status` shows.
func (s *Service) Report(ctx context.Context, brief bool) (*api.Report, error) {
	r := s.emptyReport()
	if !brief {
		var err error
		if r, err = s.report(ctx, s.destinations.current(), s.catalog); err != nil {
			return nil, err
		}
	}
	r.PID, r.Since, r.Cache, r.Passes = os.Getpid(), &s.since, s.destinations.cacheReport(), s.runner.Passes()
	r.Serves = s.lasting()
	if m := s.mounts.now(); m != nil {
		r.Mountpoint = m.Mountpoint()
	}
	for i := range r.Destinations {
		d := &r.Destinations[i]
		d.Running = s.runner.Running(d.Name)
		if due, ok := s.scheduler.Due(d.Name); ok {
			d.NextPass = &due
		}
	}
	return r, nil
}

// Reload reads the configuration again. Who answered at an address that it does not have any more has ended when it returns.
func (s *Service) Reload(ctx context.Context) error {
	c, err := s.Config()
	if err != nil {
		return err
	}
	before := s.destinations.current()
	s.destinations.reload(c)
	defer s.follow(c) // last: it may end the request that this is for
	if sameDestinations(before, c) {
		return nil
	}
	s.generation.Add(1)
	s.setSchedules()
	return s.mounts.refresh(ctx)
}

// sameDestinations compares the destinations of two configurations.
func sameDestinations(a, b *config.Config) bool {
	if len(a.Destinations) != len(b.Destinations) {
		return false
	}
	for name, d := range a.Destinations {
		if other := b.Destinations[name]; other == nil || !other.Equal(d) {
			return false
		}
	}
	return true
}

// Forget removes what the index knows of a destination.
func (s *Service) Forget(ctx context.Context, name string) error {
	if s.runner.Running(name) != nil {
		return exit.With(fmt.Errorf("forget %s: %w", name, passes.ErrRunning), exit.Busy, "wait for it, or interrupt it")
	}
	if err := forgetSnapshots(ctx, s.index, name); err != nil {
		return err
	}
	s.generation.Add(1)
	s.oversight.outdate()
	s.refreshNow(ctx)
	return nil
}

// startSchedules runs the schedules of the configuration until ctx ends.
func (s *Service) startSchedules(ctx context.Context) {
	s.mu.Lock()
	s.work = ctx
	s.mu.Unlock()
	s.setSchedules()
}

// lasting reports whether the service runs until it is told to end.
func (s *Service) lasting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.work != nil
}

// setSchedules takes the schedules of the current configuration.
func (s *Service) setSchedules() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work != nil {
		s.scheduler.Set(s.work, s.schedules())
		s.daily.Set(s.work, s.dailyScrubs())
	}
}

// schedules are those of the configuration, by destination.
func (s *Service) schedules() map[string]schedule.Schedule {
	all := map[string]schedule.Schedule{}
	for name, d := range s.destinations.current().Destinations {
		if d.Reindex == "" {
			continue
		}
		when, err := schedule.Parse(d.Reindex)
		if err != nil { // it was checked when the file was read
			s.Log.Error("schedule", "destination", name, "error", err)
			continue
		}
		all[name] = when
	}
	return all
}

// content reads the snapshots of a destination; nil if it is not configured any more.
func (s *Service) content(name string) fs.Content {
	if s.destinations.current().Destinations[name] == nil {
		return nil
	}
	return contentAdapter{s.destinations, name, s.oversight.reads}
}

// lastPass is what status.json of the mount says of a destination.
func (s *Service) lastPass(name string) any {
	r, err := passes.Last(s.State.Passes(), name)
	if err != nil {
		if !errors.Is(err, iofs.ErrNotExist) {
			s.Log.Warn("last pass", "destination", name, "error", err)
		}
		return nil
	}
	return r
}
