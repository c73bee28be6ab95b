package passes

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/schedule"
)

// Scheduler starts passes when they are due.
type Scheduler struct {
	Runner *Runner
	Log    *slog.Logger
	Now    func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	cancel context.CancelFunc // of the schedules that are set
	due    map[string]time.Time
	wait   sync.WaitGroup
}

// Set replaces the schedules, by destination. Passes that run go on.
func (s *Scheduler) Set(ctx context.Context, schedules map[string]schedule.Schedule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
	waiting, cancel := context.WithCancel(ctx)
	s.cancel = cancel
	s.due = map[string]time.Time{}
	for name, when := range schedules {
		s.due[name] = when.Next(s.Now())
		s.wait.Add(1)
		go func() {
			defer s.wait.Done()
			s.loop(ctx, waiting, name, when)
		}()
	}
}

// Due tells when the next pass over a destination begins.
func (s *Scheduler) Due(name string) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.due[name]
	return t, ok
}

// Wait returns when ctx of Set has ended and all passes with it.
func (s *Scheduler) Wait() { s.wait.Wait() }

// loop waits until waiting ends; a pass in it ends with ctx.
func (s *Scheduler) loop(ctx, waiting context.Context, name string, when schedule.Schedule) {
	for {
		if !schedule.Await(waiting, s.Now, when, func(next time.Time) { s.note(waiting, name, next) }) {
			return
		}
		s.Log.Info("pass is due", "destination", name)
		_ = s.Runner.Run(ctx, Request{Destinations: []string{name}}, func(e progress.Event) {
			if e.Kind == progress.Finished && e.Error != "" {
				s.Log.Error("scheduled pass", "destination", name, "error", e.Error)
			}
		})
		if waiting.Err() != nil {
			return
		}
	}
}

func (s *Scheduler) note(waiting context.Context, name string, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting.Err() == nil {
		s.due[name] = next
	}
}
