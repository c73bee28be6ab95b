package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest/probe"
)

func destinationTestCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "connect to a destination and measure what it can do",
		ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "write", DefaultText: "yes with the engine " + config.SlotsEngine,
				Usage: "measure writing too, with files in the directory that are removed again"},
			&cli.DurationFlag{Name: "time", Usage: "`TIME` that each rate is measured for", Value: 3 * time.Second},
		},
		Action: func(c *cli.Context) error {
			g, d, err := s.named(c)
			if err != nil {
				return err
			}
			if c.Duration("time") <= 0 {
				return exit.Usagef("--time %v: want more than nothing", c.Duration("time"))
			}
			may := probe.Options{Write: c.Bool("write"), Time: c.Duration("time")}
			if !c.IsSet("write") {
				may.Write = destinations.WritesInTest(d)
			}
			if g.terminal.Interactive {
				notices{s}.Note("Measuring ...")
			}
			r, err := destinations.Test(c.Context, g, d, may)
			if stopped := c.Context.Err(); stopped != nil { // a report that is cut off says what is not so
				if err != nil && !errors.Is(err, stopped) {
					notices{s}.Note("Test files may be left: " + err.Error())
				}
				return stopped
			}
			switch {
			case r == nil:
				return err
			case g.json:
				return errors.Join(err, g.printJSON(r))
			}
			return errors.Join(err, g.printTest(d, r))
		},
	}
}

// printTest shows a report on one screen.
func (s *settings) printTest(d *config.Destination, r *destinations.Report) error {
	skipped := func(what string) string { return "- (" + r.Skipped[what] + ")" }
	many := fmt.Sprintf("up to %s (%d used)", limit(d.MaxConnections), r.Connections)
	rates := func(what string, one, all float64) string {
		if one == 0 && all == 0 {
			return skipped(what)
		}
		return fmt.Sprintf("%s with 1 connection, %s with %s", rate(one), rate(all), many)
	}
	free, fsync, clock := skipped("free space"), skipped("fsync"), skipped("clock")
	if r.Size > 0 {
		free = fmt.Sprintf("%s of %s", term.Bytes(int64(r.Free)), term.Bytes(int64(r.Size)))
	}
	if r.FsyncSeconds > 0 {
		fsync = span(r.FsyncSeconds) + ", the round trip included"
	}
	if _, no := r.Skipped["clock"]; !no {
		clock = clockWords(r.Clock)
	}
	allowed := fmt.Sprintf("%d or more at once", r.Allowed)
	if r.AllowedIsLimit {
		allowed = fmt.Sprintf("%d at once, one more was refused", r.Allowed)
	}
	return term.Table(s.out, [][]string{
		{"reachable", d.Address()},
		{"authenticated", "by " + r.Authenticated + ", host key accepted, in " + span(r.ConnectSeconds)},
		{"server", r.Server},
		{"extensions", cmp.Or(strings.Join(r.Extensions, " "), "none")},
		{"directory", term.Count(int64(r.Entries), "entry", "entries")},
		{"rename", renameWords(r.Replaces)},
		{"round trip", span(r.RoundTripSeconds)},
		{"read", rates("read", r.ReadOne, r.ReadMany)},
		{"write", rates("write", r.WriteOne, r.WriteMany)},
		{"fsync", fsync},
		{"free space", free},
		{"connections", fmt.Sprintf("%s, %d sessions on each; this destination uses up to %s", allowed, r.Sessions, limit(d.MaxConnections))},
		{"clock", clock},
		{"names", cmp.Or(destinations.NamesText(r.Names), "- (not asked for)")},
	})
}

func renameWords(replaces bool) string {
	if replaces {
		return "replaces a file at once"
	}
	return "does not replace a file: slots are written by removing the old one first"
}

func rate(bytes float64) string { return term.Bytes(int64(bytes)) + "/s" }

// span shows a short time with its unit.
func span(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(10 * time.Microsecond).String()
}

func clockWords(seconds float64) string {
	switch {
	case seconds > 1:
		return fmt.Sprintf("the server's is %s ahead", time.Duration(seconds)*time.Second)
	case seconds < -1:
		return fmt.Sprintf("the server's is %s behind", -time.Duration(seconds)*time.Second)
	}
	return "the same"
}
