package service

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"strconv"
	"time"

	"slotfs/cmd/internal/service/api"
)

// watchdogInterval is how often systemd wants to hear of the service (sd_watchdog_enabled(3)); 0: not at all.
func watchdogInterval() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	microseconds, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || microseconds <= 0 {
		return 0
	}
	return time.Duration(microseconds) * time.Microsecond
}

// keepWatchdogQuiet tells systemd three times in each interval of its watchdog that the service makes progress, as long as it does,
// until ctx ends. patience is how long requests of the mount may all wait. systemd kills a service that says nothing, and the Go
// runtime leaves the stacks of all goroutines in the journal.
func (s *Service) keepWatchdogQuiet(ctx context.Context, patience time.Duration, tell func(string)) {
	interval := watchdogInterval()
	if interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		if err := s.alive(ctx, interval/3, patience); err == nil {
			tell("WATCHDOG=1")
		} else if ctx.Err() == nil {
			s.Log.Error("watchdog: no progress", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// alive looks within limit whether the service makes progress.
func (s *Service) alive(ctx context.Context, limit, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := make(chan error, 1)
	go func() { found <- s.checkProgress(ctx, patience) }() // what hangs does not heed ctx
	select {
	case err := <-found:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
}

// checkProgress asks the service as any command does, reads the index, and looks whether the mount answers its requests.
func (s *Service) checkProgress(ctx context.Context, patience time.Duration) error {
	owner := s.Owner()
	defer owner.Close()
	// Without its socket, which somebody may have deleted, a mount still does its work.
	if _, err := owner.Report(ctx, true); err != nil && !errors.Is(err, api.ErrNoOwner) {
		return err
	}
	if _, err := s.index.Snapshot(ctx, "", ""); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	s.destinations.names()
	for _, m := range s.mounts.inUse() {
		if waiting := m.WaitingFor(); waiting > patience {
			return fmt.Errorf("mount %s: no request was answered for %v", m.Mountpoint(), waiting.Round(time.Second))
		}
	}
	return nil
}
