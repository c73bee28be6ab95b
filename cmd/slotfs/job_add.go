package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest/slot/retention"
)

func jobAddCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "add",
		Usage:     "check a job and write it into the configuration",
		ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "destination", Usage: "`NAME` of a destination with engine " + config.SlotsEngine},
			&cli.StringSliceFlag{Name: "source", Usage: "`PATH` of a directory, or a quoted pattern: each directory that it matches is an account; may be repeated"},
			&cli.StringSliceFlag{Name: "allow-empty", Usage: "it is no error if the source `PATH` matches nothing or is not there; may be repeated"},
			&cli.StringFlag{Name: "account-name", Usage: "`NAME` of the account of the one source, if not its directory's"},
			&cli.IntFlag{Name: "retention", Usage: "`NUMBER` of backups that are kept, 1 to 999"},
			&cli.IntFlag{Name: "keep-hourly", Usage: "in place of --retention: keep the newest backup of each of `NUMBER` hours"},
			&cli.IntFlag{Name: "keep-daily", Usage: "and of each of `NUMBER` days"},
			&cli.IntFlag{Name: "keep-weekly", Usage: "and of each of `NUMBER` weeks"},
			&cli.IntFlag{Name: "keep-monthly", Usage: "and of each of `NUMBER` months"},
			&cli.IntFlag{Name: "keep-yearly", Usage: "and of each of `NUMBER` years"},
			&cli.StringFlag{Name: "mode", Usage: "`MODE` of the slots: incremental (a plain tree) or compressed (one .tar.gz)", Value: config.DefaultMode},
			&cli.StringFlag{Name: "prefix", Usage: "`DIRECTORY` of the backup that the source becomes, beside what --before stages"},
			&cli.StringSliceFlag{Name: "exclude", Usage: "leave out what `PATTERN` matches, as with rsync; may be repeated"},
			&cli.StringFlag{Name: "exclude-file", Usage: "`NAME` of a file in the source with more patterns, one a line"},
			&cli.BoolFlag{Name: "exclude-caches", Usage: "leave out what is below a CACHEDIR.TAG"},
			&cli.BoolFlag{Name: "one-file-system", Usage: "leave out what is mounted in the source"},
			&cli.BoolFlag{Name: "include-network-filesystems", Usage: "read what is mounted in the source from other machines, or by FUSE"},
			&cli.DurationFlag{Name: "stall-timeout", Usage: "give an account up when its source answers nothing for `DURATION`", Value: config.DefaultStallTimeout},
			&cli.StringFlag{Name: "before", Usage: "`COMMAND` to run before an account is read; the account fails with it"},
			&cli.StringFlag{Name: "after", Usage: "`COMMAND` to run when an account's backup ended, whichever way"},
			&cli.StringFlag{Name: "fill", Usage: "`WAY` in which a slot gets what another one holds: auto, upload, copy or link", Value: config.DefaultFill},
			&cli.StringFlag{Name: "bandwidth", Usage: "send at most `RATE` bytes per second: 500K, 10M, 1G"},
			&cli.IntFlag{Name: "concurrency", Usage: "`NUMBER` of files of an account on their way at once", Value: config.DefaultConcurrency},
			&cli.IntFlag{Name: "parallel-accounts", Usage: "`NUMBER` of accounts that are backed up side by side", DefaultText: "4; 1 with commands or archives"},
			&cli.StringFlag{Name: "gone-after", Usage: "remove the backups of accounts that were not found for `TIME`, at least 1d", DefaultText: "never"},
			&cli.StringFlag{Name: "max-age", Usage: "`AGE` of the newest good backup from which on there is an alarm: 26h, 3d, never", DefaultText: "that of [watch]"},
			&cli.StringFlag{Name: "ping", Usage: "`URL` that is told when a run begins, succeeds or fails, as healthchecks.io has it"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				err := fmt.Errorf("unexpected argument %q", c.Args().Get(1))
				return exit.With(err, exit.Usage, "quote patterns, and repeat the flag: --source '/home/*' --source /srv/www")
			}
			g, conf, err := s.configured(c, "NAME")
			if err != nil {
				return err
			}
			return g.addJob(conf, c)
		},
	}
}

// addJob checks a job and writes it down.
func (s *settings) addJob(conf *config.Config, c *cli.Context) error {
	j, err := readJob(c)
	if err != nil {
		return err
	}
	if err := jobs.Add(s.ConfigPath, conf, j); err != nil {
		return err
	}
	found := jobs.Discover(j, nil)
	for _, text := range found.Warnings {
		s.warn(text, "")
	}
	for _, a := range found.Accounts {
		if a.Err != nil {
			s.warn(fmt.Sprintf("account %s: %v", a.Name, a.Err), "")
		}
	}
	return s.tell(jobs.ShownOf(j, &found), "job %s added to %s\nit finds %s\nnext: slotfs sync %s", j.Name, s.ConfigPath,
		term.Count(int64(len(found.Names())), "account", "accounts"), j.Name)
}

// readJob makes a job of the flags.
func readJob(c *cli.Context) (*config.Job, error) {
	j := &config.Job{
		Name: c.Args().First(), Destination: c.String("destination"), Source: c.StringSlice("source"),
		AllowEmpty: c.StringSlice("allow-empty"), NetworkFS: c.Bool("include-network-filesystems"),
		AccountName: c.String("account-name"), Mode: c.String("mode"), Prefix: c.String("prefix"),
		Exclude: c.StringSlice("exclude"), ExcludeFile: c.String("exclude-file"), ExcludeCaches: c.Bool("exclude-caches"),
		OneFileSystem: c.Bool("one-file-system"), Before: c.String("before"), After: c.String("after"),
		Fill: c.String("fill"), Concurrency: c.Int("concurrency"),
	}
	j.Parallel = c.Int("parallel-accounts")
	if !c.IsSet("parallel-accounts") {
		j.Parallel = j.DefaultParallel()
	}
	if c.IsSet("stall-timeout") {
		j.StallTimeout = c.Duration("stall-timeout")
	}
	j.Ping = c.String("ping")
	if c.IsSet("gone-after") {
		after, err := config.ParseGoneAfter(c.String("gone-after"))
		if err != nil {
			return nil, exit.Usagef("--%w", err)
		}
		j.GoneAfter = after
	}
	if c.IsSet("max-age") {
		age, err := config.ParseAge(c.String("max-age"))
		if err != nil {
			return nil, exit.Usagef("--max-age %w", err)
		}
		j.MaxAge = age
	}
	for _, flag := range []string{"destination", "source"} {
		if !c.IsSet(flag) {
			return nil, exit.With(fmt.Errorf("--%s is missing", flag), exit.Usage, seeHelp("job add"))
		}
	}
	if err := readPolicy(c, &j.Policy); err != nil {
		return nil, err
	}
	if c.IsSet("bandwidth") {
		rate, err := config.ParseRate(c.String("bandwidth"))
		if err != nil {
			return nil, exit.With(fmt.Errorf("--%w", err), exit.Usage, "")
		}
		j.Bandwidth = rate
	}
	if len(j.Exclude) == 0 {
		j.Exclude = nil
	}
	if len(j.AllowEmpty) == 0 {
		j.AllowEmpty = nil
	}
	return j, nil
}

// readPolicy makes a policy of the flags.
func readPolicy(c *cli.Context, p *retention.Policy) error {
	given := false
	for flag, n := range map[string]*int{"retention": &p.Last, "keep-hourly": &p.Hourly, "keep-daily": &p.Daily, "keep-weekly": &p.Weekly,
		"keep-monthly": &p.Monthly, "keep-yearly": &p.Yearly} {
		*n = c.Int(flag)
		given = given || c.IsSet(flag)
	}
	switch {
	case !given:
		return exit.With(errors.New("--retention is missing"), exit.Usage, "give the number of backups, or --keep-daily and the like")
	case c.IsSet("retention") && p.Last == 0:
		return exit.Usagef("retention 0: want 1 to %d", retention.MaxBackups)
	}
	return nil
}

func jobRemoveCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "remove",
		Usage:     "forget a job; the backups that it made stay",
		ArgsUsage: "NAME",
		Flags:     []cli.Flag{&cli.BoolFlag{Name: "yes", Usage: "do not ask"}},
		Action: func(c *cli.Context) error {
			g, j, err := s.jobNamed(c, "NAME")
			if err != nil {
				return err
			}
			if err := g.sure(c, fmt.Sprintf("Forget job %s? The backups that it made stay.", j.Name)); err != nil {
				return err
			}
			if err := jobs.Remove(g.ConfigPath, j.Name); err != nil {
				return err
			}
			return g.tell(changedJSON{Changed: "removed", Job: j.Name}, "job %s removed from %s; its backups stay on %s", j.Name, g.ConfigPath, j.Destination)
		},
	}
}
