package main

import (
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/fs/content"
)

func serveCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "do what a mount does without mounting: schedules, alarms, metrics and the API",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "cache-size", Usage: "keep up to `SIZE` of what was read on the local disk; 0: nothing",
				DefaultText: "that of the configuration, or else 4GiB, or a tenth of the free space if that is less"},
			&cli.DurationFlag{Name: "read-deadline", Usage: "`TIME` that one read may wait for a destination", Value: content.DefaultDeadline},
		},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelInfo)
			if err != nil {
				return err
			}
			if err := arguments(c); err != nil {
				return err
			}
			if d := c.Duration("read-deadline"); d < minReadDeadline || d > maxReadDeadline {
				return exit.Usagef("--read-deadline %v: want %v to %v", d, minReadDeadline, maxReadDeadline)
			}
			size := int64(-1)
			if c.IsSet("cache-size") {
				if size, err = cacheSize(c.String("cache-size")); err != nil {
					return err
				}
			}
			v := g.serving(c.Duration("read-deadline"), size)
			return v.Serve(c.Context, func(error) {})
		},
	}
}

// serving is a service of this process.
func (s *settings) serving(readDeadline time.Duration, cacheSize int64) service.Serving {
	return service.Serving{Environment: s.Environment, ReadDeadline: readDeadline, CacheSize: cacheSize, IgnoreHangup: func() { s.survives.Store(true) }}
}
