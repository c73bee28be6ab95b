package main

import (
	"context"
	"log/slog"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/passes"
)

func indexCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "index",
		Usage:     "find the backups on destinations and read what is new",
		ArgsUsage: "[NAME...]",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "full", Usage: "read everything again, also what did not change"},
			&cli.StringFlag{Name: "account", Usage: "only the backups of `ACCOUNT`"},
			&cli.BoolFlag{Name: "rebuild", Usage: "delete the index first; not while something is mounted"},
			&cli.BoolFlag{Name: "quiet", Usage: "no progress and no summary, only what is wrong"},
		},
		Subcommands: []*cli.Command{indexExportCommand(s), indexImportCommand(s)},
		Action: func(c *cli.Context) error {
			// What is wrong with single backups is in the summary; the log says it again from level warn on.
			g, err := s.settings(c, slog.LevelError)
			if err != nil {
				return err
			}
			conf, err := g.Config()
			if err != nil {
				return err
			}
			names, err := service.Named(conf, c.Args().Slice())
			if err != nil {
				return err
			}
			q := passes.Request{Destinations: names, Account: c.String("account"), Full: c.Bool("full")}
			return g.index(c.Context, q, c.Bool("rebuild"), c.Bool("quiet"))
		},
	}
}

// index makes passes, in the process that owns the index or in this one.
func (s *settings) index(ctx context.Context, q passes.Request, rebuild, quiet bool) error {
	if rebuild {
		if err := s.RemoveIndex(ctx); err != nil {
			return err
		}
	}
	out := newOutcome(len(q.Destinations))
	show, done := s.progress(quiet)
	err := s.WithIndex(ctx, func(x *api.Client) error {
		return x.Index(ctx, q, func(e progress.Event) {
			out.take(e)
			show(e)
		})
	})
	done()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if printErr := s.printOutcome(out, quiet); err == nil {
		err = printErr
	}
	if err != nil {
		return err
	}
	return out.err()
}

// progress gives what shows events, and what ends the showing.
func (s *settings) progress(quiet bool) (show func(progress.Event), done func()) {
	r := progress.NewRenderer(s.screen(quiet || s.json))
	return r.Handle, r.Close
}
