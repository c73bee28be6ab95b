package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/fleet"
	"slotfs/cmd/internal/term"
)

func fleetCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:        "fleet",
		Usage:       "show how slotfs is on other machines",
		ArgsUsage:   " ",
		Subcommands: []*cli.Command{fleetFindCommand(s)},
		Action: func(c *cli.Context) error {
			g, hosts, err := s.fleet(c)
			if err != nil {
				return err
			}
			return g.showFleet(c, hosts)
		},
	}
}

// fleet is the configured machines.
func (s *shell) fleet(c *cli.Context, names ...string) (*settings, []*config.FleetHost, error) {
	g, conf, err := s.configured(c, names...)
	if err != nil {
		return nil, nil, err
	}
	var hosts []*config.FleetHost
	for _, name := range conf.FleetNames() {
		hosts = append(hosts, conf.Fleet[name])
	}
	if len(hosts) == 0 {
		err := fmt.Errorf("%s: no other machine there", conf.Path)
		return nil, nil, exit.With(err, exit.Usage, "add a table such as [fleet.web1] with url = \"ssh://root@web1\"")
	}
	return g, hosts, nil
}

// showFleet prints a line for each machine.
func (s *settings) showFleet(c *cli.Context, hosts []*config.FleetHost) error {
	var all []fleet.Summary
	silent := 0
	err := fleet.Ask(c.Context, hosts, func(one fleet.Status) {
		all = append(all, one.Summary())
		if one.Err != nil {
			silent++
			s.Log.Debug("fleet", "error", one.Err)
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b fleet.Summary) int { return cmp.Compare(a.Host, b.Host) })
	if s.json {
		err = s.printJSON(all)
	} else {
		err = s.printFleet(all)
	}
	if err != nil {
		return err
	}
	return silence(silent, len(hosts))
}

// silence is how a command ends to which some machines gave no answer.
func silence(silent, hosts int) error {
	switch silent {
	case 0:
		return nil
	case hosts:
		return &reported{exit.Unreachable}
	}
	return &reported{exit.Partial}
}

func (s *settings) printFleet(all []fleet.Summary) error {
	rows := [][]string{{"HOST", "VERSION", "NEWEST", "OVERDUE", "FAILING", "POORER", "FULL", "GONE", ""}}
	for i := range all {
		h := &all[i]
		if h.Error != "" {
			rows = append(rows, []string{h.Host, "-", "-", "-", "-", "-", "-", "-", term.Clean(h.Error)})
			continue
		}
		row := []string{h.Host, term.Clean(h.Version), "-"}
		if h.Newest != nil {
			row[2] = clock(h.Newest)
		}
		for _, n := range []int{h.Overdue, h.Failing, h.Poorer, h.Full, h.Gone} {
			row = append(row, strconv.Itoa(n))
		}
		why := ""
		if len(h.Wrong) > 0 {
			why = term.Cut(term.Clean(h.Wrong[0]), 120)
		}
		rows = append(rows, append(row, why))
	}
	return term.Table(s.out, rows)
}

func fleetFindCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "find",
		Usage:     "find files by name in all snapshots of all machines",
		ArgsUsage: "PATTERN",
		Flags:     []cli.Flag{&cli.BoolFlag{Name: "latest", Usage: "only in the newest complete snapshot of each account"}},
		Action: func(c *cli.Context) error {
			g, hosts, err := s.fleet(c, "PATTERN")
			if err != nil {
				return err
			}
			pattern := c.Args().First()
			if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
				return exit.Usagef("pattern %q: want one like *.sql", pattern)
			}
			return g.findInFleet(c, hosts, browse.Query{Pattern: browse.Bytes(pattern), Latest: c.Bool("latest")})
		},
	}
}

// fleetMatch is a match as --json shows it.
type fleetMatch struct {
	Host string `json:"host"`
	matchJSON
}

// findInFleet prints each match as soon as it is found, with its machine.
func (s *settings) findInFleet(c *cli.Context, hosts []*config.FleetHost, q browse.Query) error {
	out := bufio.NewWriter(s.out)
	list := jsonList{out: out}
	found, silent := 0, 0
	err := fleet.Find(c.Context, hosts, q, func(host string, m browse.Match) error {
		found++
		if s.json {
			return list.add(fleetMatch{host, matchOf(&m)})
		}
		_, err := fmt.Fprintf(out, "%s:%s\n", host, term.Escape(string(m.Path)))
		return errors.Join(err, out.Flush())
	}, func(_ string, err error) {
		if err != nil {
			silent++
			s.warn(err.Error(), exit.Hint(err))
		}
	})
	if s.json && err == nil {
		err = list.end()
	}
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = printed(flushErr)
	}
	switch {
	case err != nil:
		return err
	case silent == 0 && found == 0:
		return exit.With(fmt.Errorf("fleet find %q: nothing has such a name", string(q.Pattern)), exit.Failed, "")
	}
	return silence(silent, len(hosts))
}
