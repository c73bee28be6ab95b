package service

import (
	"context"
	"fmt"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/scrubs"
)

// Verify reads backups of a destination again and compares them with the index.
func (s *Service) Verify(ctx context.Context, q scrubs.Request, emit func(scrubs.Event)) error {
	if err := s.Reload(ctx); err != nil {
		return err
	}
	d := s.destinations.current().Destinations[q.Destination]
	if d == nil {
		return exit.With(fmt.Errorf("destination %s: not in the configuration", q.Destination), exit.Usage, "")
	}
	err := s.scrubs.Run(ctx, q, emit)
	if ctx.Err() == nil {
		s.lookAfterPass(ctx)
	}
	return err
}

// dailyScrubs are what the configuration has read again each day.
func (s *Service) dailyScrubs() []scrubs.Request {
	var all []scrubs.Request
	c := s.destinations.current()
	for _, name := range c.Names() {
		if d := c.Destinations[name]; d.Scrub != "" && d.Engine != config.SlotsEngine {
			all = append(all, scrubs.Request{Destination: name, Share: d.DailyShare(), Rate: d.ScrubRate()})
		}
	}
	return all
}

// lastScrub is when the daily verification of a destination began last.
func (s *Service) lastScrub(name string) time.Time {
	last, err := scrubs.LastDaily(history.New(s.State.History()).Follow(), name)
	if err != nil {
		s.Log.Warn("last daily verification", "destination", name, "error", err)
	}
	return last
}
