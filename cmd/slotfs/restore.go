package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/restores"
)

func restoreCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "restore",
		Usage:     "copy files and directories out of snapshots with all that belongs to them, with or without a mount",
		ArgsUsage: "PATH... DIRECTORY",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "overwrite", Usage: "replace files that differ"},
			&cli.BoolFlag{Name: "partial", Usage: "keep the beginning of a file that cannot be read to its end, as NAME.partial"},
			&cli.BoolFlag{Name: "maildir", Usage: "merge mailboxes: a message that is there with other flags is not restored again"},
			&cli.BoolFlag{Name: "dry-run", Usage: "tell what would be done, and change nothing"},
			&cli.BoolFlag{Name: "quiet", Usage: "no progress and no summary, only what is wrong"},
			&cli.BoolFlag{Name: "numeric-owner", Usage: "keep the numbers of owners, whoever has them here"},
			&cli.StringSliceFlag{Name: "map-owner", Usage: "give what belongs to a user of the backup to another one here: `OLD:NEW`; may be repeated"},
			&cli.StringFlag{Name: "as", Usage: "write with the rights of `USER`", DefaultText: "the user in whose home DIRECTORY lies, else root"},
			&cli.StringSliceFlag{Name: "security-attribute", Usage: "also set the extended attribute `NAME`, such as security.selinux; may be repeated"},
			literalFlag(),
		}, liveFlags()...),
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			if c.Bool("live") || c.IsSet("undo") || c.Bool("records") {
				return g.restoreLive(c)
			}
			for _, name := range onlyLive {
				if c.IsSet(name) {
					return exit.Usagef("--%s: only with --live", name)
				}
			}
			args := c.Args().Slice()
			if len(args) < 2 {
				return exit.With(errors.New([]string{"PATH is missing", "DIRECTORY is missing"}[len(args)]), exit.Usage, seeHelp("restore"))
			}
			dir, err := absolute("DIRECTORY", args[len(args)-1])
			if err != nil {
				return err
			}
			if strings.HasSuffix(args[len(args)-1], "/") {
				dir += "/"
			}
			r := &restoring{settings: g, quiet: c.Bool("quiet"), request: restores.Request{Directory: dir, Overwrite: c.Bool("overwrite"), DryRun: c.Bool("dry-run"),
				Partial: c.Bool("partial"), Maildir: c.Bool("maildir"), NumericOwner: c.Bool("numeric-owner"), MapOwners: c.StringSlice("map-owner"), As: c.String("as"),
				SecurityAttributes: c.StringSlice("security-attribute")}}
			return r.run(c.Context, args[:len(args)-1], c.Bool("literal"))
		},
	}
}

// restoreWriter is the process that restores with the rights of a user.
func restoreWriter(ctx context.Context) int {
	if err := restores.Write(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "slotfs: restore: %v\n", err)
		return exit.Failed
	}
	return exit.Done
}

// restoring is one restore.
type restoring struct {
	*settings
	request restores.Request
	quiet   bool
	failed  int // so far
}

func (r *restoring) run(ctx context.Context, args []string, literal bool) error {
	r.request.Paths = args
	if err := r.request.Check(); err != nil {
		return err
	}
	b, err := r.Browse(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if r.request.Paths, err = r.sourcePaths(ctx, b, args, literal); err != nil {
		return err
	}
	show := r.transfer(r.quiet || r.request.DryRun)
	run := restores.New(b.Tree(), r.request)
	run.Stderr = r.err
	run.Failed = func(f restores.Failure) { show.Above(func() { r.tellFailure(f) }) }
	run.Short = func(needed, free int64) { show.Above(func() { r.tellShort(needed, free) }) }
	run.Begin = func(begun *restores.Report) {
		r.request.Directory = begun.Directory
		r.tellProof(begun)
		show.Begin("restore")
	}
	if !r.quiet && !r.json {
		run.Progress = show
	}
	report, err := run.Run(ctx)
	show.End()
	if report == nil {
		return err
	}
	return r.finish(report, err)
}

// sourcePaths are the paths that arguments mean. One that ends with a slash stands for what is in the directory.
func (s *settings) sourcePaths(ctx context.Context, b *service.Browser, args []string, literal bool) ([]string, error) {
	var all []string
	for _, arg := range args {
		p, err := among(s.pathArgument(b, arg, literal).forms(), func(p string) error { return restores.Look(ctx, b.Tree(), p) })
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(arg, "/") {
			p += "/"
		}
		all = append(all, p)
	}
	return all, nil
}
