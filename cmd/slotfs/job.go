package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/term"
)

func jobCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "job",
		Usage: "say what is backed up to which destination",
		Subcommands: []*cli.Command{
			jobAddCommand(s), jobListCommand(s), jobShowCommand(s), jobRemoveCommand(s),
		},
		Action: func(c *cli.Context) error {
			return exit.With(fmt.Errorf("job: which command?"), exit.Usage, seeHelp("job"))
		},
	}
}

func jobListCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the jobs",
		Action: func(c *cli.Context) error {
			g, conf, err := s.configured(c)
			if err != nil {
				return err
			}
			return g.listJobs(conf)
		},
	}
}

func (s *settings) listJobs(c *config.Config) error {
	if s.json {
		all := []jobs.Settings{}
		for _, name := range c.JobNames() {
			all = append(all, jobs.SettingsOf(c.Jobs[name]))
		}
		return s.printJSON(all)
	}
	rows := [][]string{{"NAME", "DESTINATION", "RETENTION", "MODE", "SOURCE"}}
	for _, name := range c.JobNames() {
		j := c.Jobs[name]
		rows = append(rows, []string{j.Name, j.Destination, j.Policy.String(), j.Mode, strings.Join(j.Source, " ")})
	}
	return term.Table(s.out, rows)
}

func jobShowCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "show the settings of a job, and which accounts it finds",
		ArgsUsage: "NAME",
		Action: func(c *cli.Context) error {
			g, j, err := s.jobNamed(c, "NAME")
			if err != nil {
				return err
			}
			if g.json {
				found := jobs.Discover(j, nil)
				return g.printJSON(jobs.ShownOf(j, &found))
			}
			return g.showJob(j)
		},
	}
}

// jobNamed is what commands about one job begin with: its name is the first argument.
func (s *shell) jobNamed(c *cli.Context, names ...string) (*settings, *config.Job, error) {
	g, conf, err := s.configured(c, names...)
	if err != nil {
		return nil, nil, err
	}
	j := conf.Jobs[c.Args().First()]
	if j == nil {
		return nil, nil, jobs.Unknown(conf, c.Args().First())
	}
	return g, j, nil
}

func (s *settings) showJob(j *config.Job) error {
	bandwidth := "no limit"
	if j.Bandwidth != 0 {
		bandwidth = config.FormatRate(j.Bandwidth) + " bytes per second"
	}
	accounts := "none"
	found := jobs.Discover(j, nil)
	if names := found.Names(); len(names) > 0 {
		accounts = fmt.Sprintf("%d: %s", len(names), term.Cut(strings.Join(names, " "), 200))
	}
	for _, text := range found.Warnings {
		accounts += "; " + text
	}
	return term.Table(s.out, [][]string{
		{"name", j.Name}, {"destination", j.Destination}, {"source", strings.Join(j.Source, " ")}, {"accounts", accounts},
		{"retention", j.Policy.String()}, {"mode", j.Mode}, {"prefix", cmp.Or(j.Prefix, "-")},
		{"exclude", cmp.Or(strings.Join(j.Exclude, " "), "-")}, {"exclude file", cmp.Or(j.ExcludeFile, "-")},
		{"exclude caches", yesNo(j.ExcludeCaches)}, {"one file system", yesNo(j.OneFileSystem)},
		{"allow empty", cmp.Or(strings.Join(j.AllowEmpty, " "), "-")}, {"include network file systems", yesNo(j.NetworkFS)},
		{"stall timeout", j.Stall().String()},
		{"before", cmp.Or(j.Before, "-")}, {"after", cmp.Or(j.After, "-")}, {"fill", j.Fill},
		{"bandwidth", bandwidth}, {"concurrency", strconv.Itoa(j.Concurrency)}, {"parallel accounts", strconv.Itoa(j.Parallel)},
		{"gone after", cmp.Or(config.FormatAge(j.GoneAfter), "never")},
		{"max age", cmp.Or(config.FormatAge(j.MaxAge), "-")}, {"ping", cmp.Or(jobs.PingSite(j), "-")},
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
