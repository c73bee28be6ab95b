package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
)

// sinceFlag bounds what a command shows to what is not older than an age.
func sinceFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "since", Usage: usage + " at most `AGE` ago: 12h, 30d", Value: "30d"}
}

// recent is what commands begin with that have sinceFlag and at most one argument, called name. since is when what they show begins.
func (s *shell) recent(c *cli.Context, name string) (g *settings, since time.Time, err error) {
	if g, err = s.settings(c, slog.LevelWarn); err != nil {
		return nil, since, err
	}
	if c.Args().Len() > 1 {
		return nil, since, arguments(c, name)
	}
	age, err := config.ParseAge(c.String("since"))
	if err != nil || age < 0 {
		return nil, since, exit.Usagef("--since %q: want an age like 12h or 30d", c.String("since"))
	}
	return g, time.Now().Add(-age), nil
}

// warnSkipped tells how many lines of a file were left out.
func (s *shell) warnSkipped(lines int, path string) {
	if lines > 0 {
		s.warn(fmt.Sprintf("%s in %s: skipped", term.Count(int64(lines), "line is no record", "lines are no records"), path), "")
	}
}
