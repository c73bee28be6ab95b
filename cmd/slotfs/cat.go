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
)

func catCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "cat",
		Usage:     "write files to standard output, with or without a mount",
		ArgsUsage: "PATH...",
		Flags:     []cli.Flag{literalFlag()},
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
			for _, text := range c.Args().Slice() {
				p, err := g.path(c.Context, b, text, c.Bool("literal"))
				if err != nil {
					return err
				}
				if err := g.cat(c.Context, b, p); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// catBuffer is what is read at once: large enough to be spread over many requests.
const catBuffer = 1 << 20

func (s *settings) cat(ctx context.Context, b *service.Browser, p string) error {
	f, err := b.Open(ctx, p)
	if err != nil {
		return err
	}
	defer f.Close()
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
