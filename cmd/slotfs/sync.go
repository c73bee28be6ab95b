package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/term"
)

func syncCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "sync",
		Usage:     "back up the accounts of jobs into the slots that are due",
		ArgsUsage: "[JOB...]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "account", Usage: "only `ACCOUNT`"},
			&cli.BoolFlag{Name: "dry-run", Usage: "tell what would be done; change nothing, run no commands"},
			&cli.BoolFlag{Name: "quiet", Usage: "no progress and no summary, only what is wrong"},
			adoptFlag(),
			&cli.IntFlag{Name: "parallel-accounts", Usage: "`NUMBER` of accounts that are backed up side by side, in place of what the jobs say"},
			&cli.BoolFlag{Name: "now", Usage: "begin at once, outside of the destination's window and beside any number of other runs"},
			&cli.BoolFlag{Name: "allow-mass-change", Usage: "go on although most of what the last backup has is gone from the source"},
		},
		Action: func(c *cli.Context) error {
			// What is wrong with single accounts is printed where it happens; the log says it again from level warn on.
			g, err := s.settings(c, slog.LevelError)
			if err != nil {
				return err
			}
			conf, err := g.Config()
			if err != nil {
				return err
			}
			all, err := jobsNamed(conf, c.Args().Slice())
			if err != nil {
				return err
			}
			if c.IsSet("parallel-accounts") {
				if all, err = sideBySide(conf, all, c.Int("parallel-accounts")); err != nil {
					return err
				}
			}
			y := &syncCmd{settings: g, quiet: c.Bool("quiet"), show: g.transfer(true)}
			sync := &jobs.Sync{State: g.State, Log: g.Log, Config: conf, Connect: g.store, Owner: g.Owner(), Tool: "slotfs " + version,
				Account: c.String("account"), DryRun: c.Bool("dry-run"), AllowMassChange: c.Bool("allow-mass-change"), Adopt: c.Bool("adopt"), Now: c.Bool("now")}
			if to := worker(); to != nil {
				return s.tellEnd(to, y.run(c.Context, sync, all))
			}
			if needWorker(all) {
				return inWorker(c.Context)
			}
			return y.run(c.Context, sync, all)
		},
	}
}

// sideBySide gives jobs another number of accounts that are backed up at once.
func sideBySide(conf *config.Config, all []*config.Job, accounts int) ([]*config.Job, error) {
	changed := make([]*config.Job, len(all))
	for i, j := range all {
		one := *j
		one.Parallel = accounts
		if err := conf.CheckJob(&one); err != nil {
			return nil, exit.Usagef("--%w", err)
		}
		changed[i] = &one
	}
	return changed, nil
}

// jobsNamed checks names of jobs; none given are all.
func jobsNamed(c *config.Config, names []string) ([]*config.Job, error) {
	if len(names) == 0 {
		names = c.JobNames()
	}
	var all []*config.Job
	for _, name := range names {
		if c.Jobs[name] == nil {
			return nil, jobs.Unknown(c, name)
		}
		all = append(all, c.Jobs[name])
	}
	if len(all) == 0 {
		return nil, exit.With(fmt.Errorf("%s: no job there", c.Path), exit.Usage, "add one with `slotfs job add`")
	}
	return all, nil
}

// syncCmd is one run of the command.
type syncCmd struct {
	*settings
	quiet bool
	show  *progress.Transfer // of the job that runs
}

func (y *syncCmd) run(ctx context.Context, sync *jobs.Sync, all []*config.Job) error {
	sync.Done = y.done
	sync.Warn = func(text, hint string) { y.show.Above(func() { y.warn(text, hint) }) }
	sync.Waiting = y.waiting
	sync.Progress = func() jobs.Progress {
		y.show = y.transfer(y.quiet)
		return y.show
	}
	if !y.quiet && !y.json {
		sync.Output = func(_ jobs.Progress, line string) { y.show.Line(line) }
	}
	results, err := sync.Run(ctx, all)
	if results == nil && err != nil && ctx.Err() == nil {
		return err
	}
	if !sync.DryRun {
		y.lookAfter(ctx)
	}
	if y.json {
		if err := y.printJSON(results); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if code := jobs.Code(results); code != exit.Done {
		return &reported{code}
	}
	return nil
}

// waiting tells what a job waits for.
func (y *syncCmd) waiting(text string) {
	y.Log.Info("waiting", "for", text)
	if !y.quiet && !y.json {
		fmt.Fprintln(y.err, term.Clean(text))
	}
}

// transfer shows the progress of a transfer.
func (s *shell) transfer(quiet bool) *progress.Transfer {
	return progress.NewTransfer(s.screen(quiet || s.json))
}

// screen shows how work gets on.
func (s *shell) screen(silent bool) *progress.Screen {
	switch {
	case silent:
		return progress.Silent()
	case term.IsTerminal(s.err):
		return progress.NewScreen(s.err, func() int { return term.Width(s.err) }, time.Now)
	}
	return progress.NewScreen(s.err, nil, time.Now)
}

// store is a destination that slots are written to. It connects with its first use.
func (s *settings) store(c *config.Destination) (jobs.Store, error) { return s.Connect(c, false) }
