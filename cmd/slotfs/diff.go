package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
)

func diffCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what changed between two snapshots, or directories or files in them, with or without a mount",
		ArgsUsage: "OLD NEW",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "content", Usage: "read files of which only the time changed, to see whether their content did"},
			&cli.BoolFlag{Name: "exit-code", Usage: "end with 1 if anything differs"},
			literalFlag(),
		},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			if err := arguments(c, "OLD", "NEW"); err != nil {
				return err
			}
			d := &diffing{settings: g, args: c.Args().Slice(), literal: c.Bool("literal"), content: c.Bool("content")}
			n, err := d.run(c.Context)
			if err == nil && n > 0 && c.Bool("exit-code") {
				return &reported{exit.Failed}
			}
			return err
		},
	}
}

// diffing is one comparison.
type diffing struct {
	*settings
	args    []string // old and new
	literal bool
	content bool

	q browse.Pair
}

// run prints each difference as soon as it is found, and counts them.
func (d *diffing) run(ctx context.Context) (n int, err error) {
	out := bufio.NewWriter(d.out)
	list := jsonList{out: out}
	err = d.changes(ctx, func(c browse.Change) error {
		n++
		if d.json {
			return list.add(newDiffJSON(c))
		}
		_, err := fmt.Fprintln(out, diffLine(c))
		if err == nil && n%64 == 1 {
			err = out.Flush()
		}
		return err
	})
	if d.json && err == nil {
		err = list.end()
	}
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("standard output: %w", flushErr)
	}
	return n, err
}

// changes asks the owner of the index, or looks into the index itself.
func (d *diffing) changes(ctx context.Context, yield func(browse.Change) error) error {
	b, err := d.Browse(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	for i, side := range []*browse.Bytes{&d.q.Old, &d.q.New} {
		p, err := d.path(ctx, b, d.args[i], d.literal)
		if err != nil {
			return err
		}
		*side = browse.Bytes(p)
	}
	compare := func(yield func(browse.Change) error) error { return b.Diff(ctx, d.q, yield) }
	if !d.content {
		return compare(yield)
	}
	return d.byContent(ctx, b, compare, yield)
}
