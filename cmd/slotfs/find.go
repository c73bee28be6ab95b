package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/backup"
)

func findCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "find",
		Usage:     "find files by name in all snapshots, with or without a mount",
		ArgsUsage: "PATTERN [PATH]",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "latest", Usage: "only in the newest complete snapshot of each account"},
			&cli.BoolFlag{Name: "print0", Usage: "print paths as they are, each with a NUL behind it, for xargs -0 slotfs COMMAND --literal"},
			literalFlag(),
		},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			if n := c.Args().Len(); n == 0 || n > 2 {
				return arguments(c, "PATTERN", "PATH")
			}
			f := &finding{settings: g, q: browse.Query{Pattern: browse.Bytes(c.Args().First()), Latest: c.Bool("latest")}, print0: c.Bool("print0")}
			if _, err := path.Match(c.Args().First(), ""); err != nil {
				return exit.Usagef("pattern %q: %w", c.Args().First(), err)
			}
			return f.run(c.Context, c.Args().Get(1), c.Bool("literal"))
		},
	}
}

// finding is one search.
type finding struct {
	*settings
	q      browse.Query
	print0 bool
	n      int
}

// matchJSON is a match as --json shows it.
type matchJSON struct {
	Path    string      `json:"path"`
	PathB64 string      `json:"path_base64,omitempty"` // where the path is not UTF-8
	Type    string      `json:"type"`
	Size    int64       `json:"size"`
	MTime   backup.Time `json:"mtime"`
}

func matchOf(m *browse.Match) matchJSON {
	j := matchJSON{Type: m.Type, Size: m.Size, MTime: m.MTime}
	j.Path, j.PathB64 = term.Text(string(m.Path))
	return j
}

// run prints each match below a path as soon as it is found.
func (f *finding) run(ctx context.Context, below string, literal bool) error {
	out := bufio.NewWriter(f.out)
	list := jsonList{out: out}
	err := f.matches(ctx, below, literal, func(m browse.Match) error {
		f.n++
		if f.json {
			return list.add(matchOf(&m))
		}
		return f.print(out, string(m.Path))
	})
	if f.json && err == nil {
		err = list.end()
	}
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("standard output: %w", flushErr)
	}
	if err == nil && f.n == 0 {
		return exit.With(fmt.Errorf("find %q: nothing has such a name", string(f.q.Pattern)), exit.Failed, "")
	}
	return err
}

// print prints a path: escaped, so that it can be given to other commands, or as it is.
func (f *finding) print(out *bufio.Writer, p string) error {
	line := term.Escape(p) + "\n"
	if f.print0 {
		line = p + "\x00"
	}
	_, err := out.WriteString(line)
	if err == nil && f.n%64 == 1 {
		err = out.Flush()
	}
	return err
}

// matches asks the owner of the index, or looks into the index itself.
func (f *finding) matches(ctx context.Context, below string, literal bool, yield func(browse.Match) error) error {
	b, err := f.Browse(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if below != "" {
		p, err := f.path(ctx, b, below, literal)
		if err != nil {
			return err
		}
		at, err := b.Follow(ctx, p)
		if browse.Missing(err) {
			return exit.Hinted(fmt.Errorf("find in %s: no such path", cmp.Or(p, "/")), browse.PathHint)
		}
		if err != nil {
			return browse.Explain("find in", p, err)
		}
		f.q.Below = browse.Bytes(at)
	}
	return b.Find(ctx, f.q, yield)
}
