package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/term"
)

func lsCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "list a directory as the mount shows it, with or without a mount",
		ArgsUsage: "[PATH]",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "long", Aliases: []string{"l"}, Usage: "show mode, owner, size and time"},
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
			b, err := g.browser(c.Context)
			if err != nil {
				return err
			}
			defer b.Close()
			p, err := g.path(c.Context, b, c.Args().First(), c.Bool("literal"))
			if err != nil {
				return err
			}
			return g.ls(c.Context, b, p, c.Bool("long"))
		},
	}
}

// aligned is how many lines of `ls -l` are in columns together.
const aligned = 10_000

func (s *settings) ls(ctx context.Context, b *browser, p string, long bool) error {
	out := bufio.NewWriter(s.out)
	var rows [][]string
	list := jsonList{out: out}
	err := b.list(ctx, p, func(e shown) error {
		switch {
		case s.json:
			return list.add(e.coded())
		case long:
			if rows = append(rows, e.columns()); len(rows) == aligned {
				err := term.Table(s.out, rows)
				rows = rows[:0]
				return err
			}
		default:
			if _, err := fmt.Fprintln(out, term.Escape(e.Name)); err != nil {
				return fmt.Errorf("standard output: %w", err)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		out.Flush()
		return err
	case s.json:
		return list.end()
	case long:
		return term.Table(s.out, rows)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
