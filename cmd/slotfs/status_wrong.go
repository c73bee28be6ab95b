package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/watch"
	"slotfs/cmd/internal/term"
)

// printWrong shows what there are alarms about, and whom they did not reach.
func (s *settings) printWrong(r *api.Report) {
	if len(r.Wrong) > 0 {
		fmt.Fprintln(s.out, "\nwrong:")
	}
	for i, f := range r.Wrong {
		if i == shownErrors {
			fmt.Fprintf(s.out, "  ... and %d more; --json shows them\n", len(r.Wrong)-i)
			break
		}
		fmt.Fprintf(s.out, "  %s\n", term.Clean(f.Text))
	}
	for _, n := range r.Notifiers {
		if n.Error == "" {
			continue
		}
		fmt.Fprintf(s.out, "\nalarms do not arrive by %s (%s): %s\n", n.Name, term.Clean(n.Way), term.Clean(n.Error))
		if n.Hint != "" {
			fmt.Fprintf(s.out, "  %s\n", term.Clean(n.Hint))
		}
		if n.Tries == 0 {
			continue
		}
		fmt.Fprintf(s.out, "  tried %s, again at %s\n", term.Count(int64(n.Tries), "time", "times"), clock(n.NextTry))
	}
}

// checkTime bounds a check: monitoring systems give up after a minute.
const checkTime = 50 * time.Second

// check prints one line for a monitoring system. Its exit codes are those of monitoring plug-ins, not those of the other
// commands, and all that keeps it from looking is UNKNOWN.
func (s *shell) check(c *cli.Context) error {
	v := s.verdict(c)
	if _, err := fmt.Fprintln(s.out, v.Line); err != nil {
		return printed(err)
	}
	if v.Code == watch.OK {
		return nil
	}
	return &reported{v.Code}
}

func (s *shell) verdict(c *cli.Context) watch.Verdict {
	g, err := s.settings(c, slog.LevelError)
	if err != nil {
		return watch.CannotTell(err)
	}
	if err := arguments(c); err != nil {
		return watch.CannotTell(err)
	}
	maxAge := time.Duration(0)
	if c.IsSet("max-age") {
		if maxAge, err = config.ParseAge(c.String("max-age")); err != nil {
			return watch.CannotTell(fmt.Errorf("--max-age %w", err))
		}
	}
	ctx, cancel := context.WithTimeout(c.Context, checkTime)
	defer cancel()
	h, err := g.Health(ctx, maxAge)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("the process with the index does not answer")
	}
	if err != nil {
		return watch.CannotTell(err)
	}
	return watch.Check(h.Facts, h.Found)
}
