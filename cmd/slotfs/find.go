package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/control"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
)

func findCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "find",
		Usage:     "find files by name in all snapshots, with or without a mount",
		ArgsUsage: "PATTERN [PATH]",
		Flags:     []cli.Flag{&cli.BoolFlag{Name: "latest", Usage: "only in the newest complete snapshot of each account"}},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			if n := c.Args().Len(); n == 0 || n > 2 {
				return arguments(c, "PATTERN", "PATH")
			}
			q := control.Query{Pattern: c.Args().First(), Below: shownPath(c.Args().Get(1)), Latest: c.Bool("latest")}
			if _, err := path.Match(q.Pattern, ""); err != nil {
				return exit.Usagef("pattern %q: %w", q.Pattern, err)
			}
			return g.find(c.Context, q)
		},
	}
}

// find prints each match as soon as it is found.
func (s *settings) find(ctx context.Context, q control.Query) error {
	out := bufio.NewWriter(s.out)
	all := []control.Match{}
	n := 0
	err := s.matches(ctx, q, func(m control.Match) error {
		n++
		if s.json {
			all = append(all, m)
			return nil
		}
		_, err := fmt.Fprintln(out, term.Clean(m.Path))
		if err == nil && n%64 == 1 {
			err = out.Flush()
		}
		return err
	})
	if s.json && err == nil {
		err = s.printJSON(all)
	}
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("standard output: %w", flushErr)
	}
	if err == nil && n == 0 {
		return exit.With(fmt.Errorf("find %q: nothing has such a name", q.Pattern), exit.Failed, "")
	}
	return err
}

// matches asks the owner of the index, or looks into the index itself.
func (s *settings) matches(ctx context.Context, q control.Query, yield func(control.Match) error) error {
	err := control.NewClient(s.state.socket()).Find(ctx, q, yield)
	if !errors.Is(err, control.ErrNoOwner) {
		return err
	}
	b, err := s.newIndexBrowser(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	return findIn(ctx, b.view, q, yield)
}
