package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot"
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
			jobs, err := jobsNamed(conf, c.Args().Slice())
			if err != nil {
				return err
			}
			y := &syncing{settings: g, config: conf, account: c.String("account"), dryRun: c.Bool("dry-run"), quiet: c.Bool("quiet"),
				allowMassChange: c.Bool("allow-mass-change"), adopt: c.Bool("adopt")}
			if to := worker(); to != nil {
				return s.tellEnd(to, y.run(c.Context, jobs))
			}
			if needWorker(jobs) {
				return inWorker(c.Context)
			}
			return y.run(c.Context, jobs)
		},
	}
}

// jobsNamed checks names of jobs; none given are all.
func jobsNamed(c *config.Config, names []string) ([]*config.Job, error) {
	if len(names) == 0 {
		names = c.JobNames()
	}
	var jobs []*config.Job
	for _, name := range names {
		if c.Jobs[name] == nil {
			return nil, unknownJob(c, name)
		}
		jobs = append(jobs, c.Jobs[name])
	}
	if len(jobs) == 0 {
		return nil, exit.With(fmt.Errorf("%s: no job there", c.Path), exit.Usage, "add one with `slotfs job add`")
	}
	return jobs, nil
}

// syncing is one run of the command.
type syncing struct {
	*settings
	config          *config.Config
	account         string // only this one
	dryRun          bool
	quiet           bool
	allowMassChange bool
	adopt           bool // slots of another machine

	host    string // this machine's name, as states of slots tell it
	machine string // its id
	results []syncResult

	runID string     // of the run over all accounts of a job that goes on
	room  dest.Space // on its destination; 0: not known
}

// run runs the jobs one after the other.
func (y *syncing) run(ctx context.Context, jobs []*config.Job) error {
	if err := y.State.Make(); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this machine: %w", err)
	}
	y.host = host
	if y.machine, err = y.State.MachineID(host); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := y.recorded(ctx, j); err != nil {
			if ctx.Err() != nil {
				break
			}
			y.done(syncResult{Job: j.Name}, fmt.Errorf("job %s: %w", j.Name, err))
		}
	}
	if y.json {
		if err := y.printJSON(y.results); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return y.outcome()
}

// outcome is what the command ends with. What is wrong with each account was printed before.
func (y *syncing) outcome() error {
	failed, ran, less, code := 0, 0, false, exit.Done
	for _, r := range y.results {
		less = less || r.Warning != ""
		if r.Account != "" || r.Error != "" {
			ran++
		}
		if r.Error == "" {
			continue
		}
		failed++
		if failed == 1 {
			code = r.Code
		} else if code != r.Code {
			code = exit.Failed
		}
	}
	switch {
	case failed > 0 && failed == ran:
		return &reported{code}
	case failed > 0 || less:
		return &reported{exit.Partial}
	}
	return nil
}

// job backs up the accounts of one job. An account that fails does so alone.
func (y *syncing) job(ctx context.Context, j *config.Job) error {
	before, err := loadLastRun(y.State, j)
	if err != nil {
		return err
	}
	found := discover(j, before)
	accounts, err := y.chosen(&found, before)
	if err != nil {
		return err
	}
	if y.account == "" && !y.dryRun {
		held, err := y.State.LockJob(j.Destination, j.Name)
		if err != nil {
			return err
		}
		defer held.Release()
	}
	if y.account == "" {
		for _, text := range found.warnings {
			y.done(syncResult{Job: j.Name, Warning: text}, nil)
		}
	}
	if len(accounts) == 0 {
		return nil
	}
	if err := y.backUp(ctx, j, accounts); err != nil || y.account != "" || y.dryRun {
		return err
	}
	return saveLastRun(y.State, j, accounts)
}

// backUp backs up accounts of a job.
func (y *syncing) backUp(ctx context.Context, j *config.Job, accounts []account) error {
	remote, err := y.storeOf(y.config.Destinations[j.Destination])
	if err != nil {
		return err
	}
	defer remote.Close()
	w := &jobRun{syncing: y, job: j, store: remote, budget: slot.NewBudget(j.Bandwidth), traits: slot.TraitsOnce(remote), show: y.transfer()}
	defer w.show.End()
	if err := w.all(ctx, accounts); err != nil {
		return err
	}
	if y.runID != "" {
		y.measure(ctx, remote)
	}
	return w.tellAgain(ctx)
}

// chosen are the accounts to be backed up: all that were found, or the one that is asked for.
func (y *syncing) chosen(found *discovery, before lastRun) ([]account, error) {
	if y.account == "" {
		return found.accounts, nil
	}
	if a, ok := found.named(y.account); ok {
		return []account{a}, nil
	}
	if k, ok := before[y.account]; ok {
		return nil, exit.With(fmt.Errorf("account %s: %s is gone", y.account, k.Source), exit.Failed, "")
	}
	err := fmt.Errorf("account %s: not among its sources", y.account)
	return nil, exit.With(err, exit.Usage, strings.Join(found.warnings, "; "))
}
