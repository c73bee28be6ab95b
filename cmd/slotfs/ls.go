package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/term"
)

func lsCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "list a directory as the mount shows it, with or without a mount",
		ArgsUsage: "[PATH]",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "long", Aliases: []string{"l"}, Usage: "show mode, owner, size and time"},
			&cli.BoolFlag{Name: "tables", Usage: "list the tables of the SQL dump PATH, and how many bytes of it are theirs"},
			literalFlag(),
		},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			if c.Args().Len() > 1 {
				return arguments(c, "PATH")
			}
			b, err := g.Browse(c.Context)
			if err != nil {
				return err
			}
			defer b.Close()
			p, err := g.path(c.Context, b, c.Args().First(), c.Bool("literal"))
			if err != nil {
				return err
			}
			if c.Bool("tables") {
				return g.lsTables(c.Context, b, p)
			}
			return g.ls(c.Context, b, p, c.Bool("long"))
		},
	}
}

// sorted is how many entries of a directory are listed by name. What has more comes in the order of the mount: to sort it
// all of it would have to be in memory.
const sorted = 100_000

// aligned is how many lines of `ls -l` are in columns together.
const aligned = 10_000

// lister prints a directory.
type lister struct {
	*settings
	out   *bufio.Writer
	long  bool
	json  jsonList
	first []shown // of a directory, until there are too many; nil then
	rows  [][]string
}

func (s *settings) ls(ctx context.Context, b *service.Browser, p string, long bool) error {
	l := &lister{settings: s, out: bufio.NewWriter(s.out), long: long, first: []shown{}}
	l.json.out = l.out
	err := b.List(ctx, p, func(n *browse.Node) error { return l.add(shownNode(n)) })
	return errors.Join(err, l.end(err == nil))
}

func (l *lister) add(e shown) error {
	if l.first == nil {
		return l.print(e)
	}
	l.first = append(l.first, e)
	if len(l.first) < sorted {
		return nil
	}
	return l.printFirst()
}

func (l *lister) printFirst() error {
	all := l.first
	l.first = nil
	for _, e := range all {
		if err := l.print(e); err != nil {
			return err
		}
	}
	return nil
}

// end prints what is left. whole says that nothing is missing: the array of an incomplete listing is left open.
func (l *lister) end(whole bool) error {
	slices.SortFunc(l.first, func(a, b shown) int { return strings.Compare(a.Name, b.Name) })
	err := l.printFirst()
	if err == nil && len(l.rows) > 0 {
		err = term.Table(l.out, l.rows)
	}
	if err == nil && l.settings.json && whole {
		return l.json.end()
	}
	return errors.Join(err, printed(l.out.Flush()))
}

func (l *lister) print(e shown) error {
	switch {
	case l.settings.json:
		return l.json.add(e.coded())
	case l.long:
		l.rows = append(l.rows, e.columns())
		if len(l.rows) < aligned {
			return nil
		}
		rows := l.rows
		l.rows = nil
		return term.Table(l.out, rows)
	}
	_, err := fmt.Fprintln(l.out, term.Escape(e.Name))
	return printed(err)
}
