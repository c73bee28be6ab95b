package main

import (
	"io/fs"
	"strconv"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/term"
)

func versionsCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "versions",
		Usage:     "show in which snapshots of an account a file is, and where it changed",
		ArgsUsage: "PATH",
		Flags:     []cli.Flag{literalFlag()},
		Action: func(c *cli.Context) error {
			g, err := s.begin(c, "PATH")
			if err != nil {
				return err
			}
			b, err := g.Browse(c.Context)
			if err != nil {
				return err
			}
			defer b.Close()
			var all []browse.Version
			p, err := among(g.pathArgument(b, c.Args().First(), c.Bool("literal")).forms(), func(p string) error {
				var err error
				if all, err = b.Versions(c.Context, p); exit.Code(err) == exit.Usage { // another form may lead into a snapshot
					return fs.ErrNotExist
				}
				return err
			})
			if err == nil && all == nil {
				all, err = b.Versions(c.Context, p)
			}
			if err != nil {
				return err
			}
			return g.printVersions(all)
		},
	}
}

func (s *settings) printVersions(all []browse.Version) error {
	if s.json {
		return s.printJSON(all)
	}
	rows := [][]string{{"SNAPSHOT", "SIZE", "MODIFIED", "CHANGED"}}
	for _, v := range all {
		changed := ""
		switch {
		case len(all) == 1:
			changed = "only version"
		case v.First:
			changed = "first version"
		case v.Changed:
			changed = "changed"
		}
		at := v.MTime.Std()
		rows = append(rows, []string{v.Snapshot, strconv.FormatInt(v.Size, 10), clock(&at), changed})
	}
	return term.Table(s.out, rows)
}
