package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/restores"
	"slotfs/indexer/backup"
)

func catCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "cat",
		Usage:     "write files to standard output, with or without a mount",
		ArgsUsage: "PATH...",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "table", Usage: "write of an SQL dump only its head and what belongs to the table `NAME`; may be repeated"},
			literalFlag(),
		},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			if c.Args().Len() == 0 {
				return exit.With(errors.New("PATH is missing"), exit.Usage, seeHelp("cat"))
			}
			b, err := g.Browse(c.Context)
			if err != nil {
				return err
			}
			defer b.Close()
			cmd := &catCmd{settings: g, from: b, tables: c.StringSlice("table"), warned: map[string]bool{}}
			for _, text := range c.Args().Slice() {
				p, err := g.path(c.Context, b, text, c.Bool("literal"))
				if err != nil {
					return err
				}
				if err := cmd.file(c.Context, p); err != nil {
					return err
				}
			}
			if len(cmd.warned) > 0 {
				return &reported{exit.Partial}
			}
			return nil
		},
	}
}

// catCmd is one run of the command.
type catCmd struct {
	*settings
	from   *service.Browser
	tables []string        // that are written of dumps; none: all
	warned map[string]bool // snapshots of which people know that they are not complete
}

// file writes one file, with a warning where its snapshot is not complete.
func (c *catCmd) file(ctx context.Context, p string) error {
	n, err := c.from.Stat(ctx, p)
	if err != nil {
		return err
	}
	at, in := browse.SnapshotOf(p)
	if s := n.Snapshot; in && s != nil && n.Recorded != nil && s.Status != backup.Complete && !c.warned[at] {
		c.warned[at] = true
		c.warnOfStatus(&restores.Unproven{Path: at, Status: s.Status, Detail: s.Detail})
	}
	if len(c.tables) > 0 {
		return c.catTables(ctx, p, &n)
	}
	return c.cat(ctx, c.from, p)
}

// catBuffer is what is read at once: large enough to be spread over many requests.
const catBuffer = 1 << 20

func (s *settings) cat(ctx context.Context, b *service.Browser, p string) error {
	f, err := b.Open(ctx, p)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.copyOut(f, p)
}

// copyOut writes what is read of the file at a path.
func (s *settings) copyOut(f io.Reader, p string) error {
	// The file is hidden behind plain interfaces, so that the buffer is used.
	from, to := struct{ io.Reader }{f}, struct{ io.Writer }{s.out}
	if _, err := io.CopyBuffer(to, from, make([]byte, catBuffer)); err != nil {
		var at *fs.PathError
		if errors.As(err, &at) && at.Path == s.out.Name() {
			return fmt.Errorf("standard output: %w", at.Err)
		}
		return browse.Explain("cat", p, err)
	}
	return nil
}
