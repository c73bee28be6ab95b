package service

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/metrics"
	"slotfs/cmd/internal/service/watch"
	"slotfs/indexer/dest"
)

const (
	// overseeInterval is how often it is looked whether something is wrong.
	overseeInterval = time.Minute
	// probeInterval is how often it is looked whether a destination answers, probeTime how long it may take.
	probeInterval = 15 * time.Minute
	probeTime     = 2 * time.Minute
)

// oversight is what a service that lasts sees of the installation.
type oversight struct {
	watcher *watch.Watcher
	reads   *metrics.Reads

	mu sync.Mutex
	// mu guards what follows.
	watching bool // alarms and metrics are this process's business
	outdated bool // the catalog changed since what follows was read
	holdings map[string][]alarm.Account
	tally    watch.Tally
	rooms    map[string]history.Room
	outages  map[string]time.Time // zero: the destination answers
	refused  bool                 // the text file was not written the last time
}

func newOversight(e *Environment) *oversight {
	return &oversight{watcher: e.Watcher(), reads: metrics.NewReads(), outdated: true, rooms: map[string]history.Room{}, outages: map[string]time.Time{}}
}

// Watcher looks after the installation.
func (e *Environment) Watcher() *watch.Watcher {
	return &watch.Watcher{State: e.State, Log: e.Log, Now: time.Now}
}

// outdate says that the catalog changed.
func (o *oversight) outdate() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outdated = true
}

// Seen tells what only this process knows.
func (s *Service) Seen(ctx context.Context) (alarm.Seen, error) {
	seen, _, err := s.look(ctx)
	return seen, err
}

// look is Seen with the number of snapshots. It reads the catalog where that changed.
func (s *Service) look(ctx context.Context) (alarm.Seen, watch.Tally, error) {
	o := s.oversight
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.outdated {
		all, err := s.catalog.Snapshots(ctx, "")
		if err != nil {
			return alarm.Seen{}, nil, err
		}
		o.holdings, o.tally, o.outdated = alarm.Holdings(all), watch.Count(all), false
	}
	return alarm.Seen{Holdings: o.holdings, Rooms: maps.Clone(o.rooms), Outages: maps.Clone(o.outages), Watching: o.watching}, o.tally, nil
}

// oversee has people told of what is wrong, and shows metrics, until ctx ends.
func (s *Service) oversee(ctx context.Context) {
	s.oversight.mu.Lock()
	s.oversight.watching = true
	s.oversight.mu.Unlock()
	var wait sync.WaitGroup
	defer wait.Wait()
	s.listeners.begin(ctx)
	defer s.listeners.end()
	tick := time.NewTicker(overseeInterval)
	defer tick.Stop()
	probed := time.Time{}
	for {
		c := s.destinations.current()
		if overseen(c) && time.Since(probed) >= probeInterval {
			probed = time.Now()
			wait.Go(func() { s.probeAll(ctx, c) })
		}
		s.follow(c)
		s.lookAfter(ctx, c, false)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// overseen reports whether anybody is told of what is seen.
func overseen(c *config.Config) bool { return len(c.Notify) > 0 || c.Metrics != config.Metrics{} }

// lookAfter looks once. last says that nobody looks soon again.
func (s *Service) lookAfter(ctx context.Context, c *config.Config, last bool) {
	if !overseen(c) {
		return
	}
	for _, err := range s.tellAndShow(ctx, c, last) {
		if ctx.Err() == nil {
			s.Log.Error("alarms and metrics", "error", err, "hint", exit.Hint(err))
		}
	}
}

// tellAndShow has people told of what is wrong, and writes the text file.
func (s *Service) tellAndShow(ctx context.Context, c *config.Config, last bool) []error {
	seen, err := s.Seen(ctx)
	if err != nil {
		return []error{err}
	}
	w := s.oversight.watcher
	f, err := w.Facts(c, seen)
	if err != nil {
		return []error{err}
	}
	failures := w.Tell(ctx, f, alarm.Find(f), last)
	if c.Metrics.Textfile == "" {
		return failures
	}
	if err := s.writeMetrics(ctx, c.Metrics.Textfile); err != nil {
		failures = append(failures, err)
	}
	return failures
}

// lookAfterPass looks once in a process that does not last.
func (s *Service) lookAfterPass(ctx context.Context) {
	s.oversight.mu.Lock()
	watching := s.oversight.watching
	s.oversight.mu.Unlock()
	if watching {
		return
	}
	s.lookAfter(ctx, s.destinations.current(), true)
}

// probeAll looks whether destinations answer, and how much room they have.
func (s *Service) probeAll(ctx context.Context, c *config.Config) {
	var wait sync.WaitGroup
	for _, name := range c.Names() {
		wait.Go(func() { s.probe(ctx, name) })
	}
	wait.Wait()
	o := s.oversight
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.outages, func(name string, _ time.Time) bool { return c.Destinations[name] == nil })
	maps.DeleteFunc(o.rooms, func(name string, _ history.Room) bool { return c.Destinations[name] == nil })
}

// probe looks at one destination.
func (s *Service) probe(ctx context.Context, name string) {
	limited, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	t, err := s.destinations.get(name)
	if err == nil {
		_, err = t.dest.Stat(limited, "")
	}
	if ctx.Err() != nil {
		return
	}
	s.oversight.answered(name, err)
	if err != nil {
		s.Log.Debug("looked at", "destination", name, "error", err)
		return
	}
	fs, ok := t.dest.(dest.StatFS)
	if !ok {
		return
	}
	room, err := fs.Space(limited, "")
	if err == nil && room.Size > 0 {
		s.oversight.measured(name, history.Room{At: time.Now(), Free: room.Bytes, Size: room.Size})
	}
}

// answered keeps whether a destination answers.
func (o *oversight) answered(name string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch since, known := o.outages[name]; {
	case errors.Is(err, dest.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		if !known || since.IsZero() {
			o.outages[name] = time.Now()
		}
	case errors.Is(err, dest.ErrAuth), errors.Is(err, dest.ErrClosed):
		delete(o.outages, name) // passes and backups tell of it
	default:
		o.outages[name] = time.Time{}
	}
}

func (o *oversight) measured(name string, r history.Room) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rooms[name] = r
}
