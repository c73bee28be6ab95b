package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/control"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/restore"
	"slotfs/indexer/backup"
)

func restoreCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "restore",
		Usage:     "copy files and folders out of snapshots with all that belongs to them, with or without a mount",
		ArgsUsage: "PATH... DIRECTORY",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "overwrite", Usage: "replace files that differ"},
			&cli.BoolFlag{Name: "partial", Usage: "keep the beginning of a file that cannot be read to its end, as NAME.partial"},
			&cli.BoolFlag{Name: "dry-run", Usage: "tell what would be done, and change nothing"},
			&cli.BoolFlag{Name: "quiet", Usage: "no progress and no summary, only what is wrong"},
			literalFlag(),
		},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			args := c.Args().Slice()
			if len(args) < 2 {
				return exit.With(errors.New([]string{"PATH is missing", "DIRECTORY is missing"}[len(args)]), exit.Usage, seeHelp("restore"))
			}
			from, err := g.restorer(c.Context, c.Bool("partial"))
			if err != nil {
				return err
			}
			defer from.Close()
			r := &restoring{settings: g, from: from, overwrite: c.Bool("overwrite"), rehearse: c.Bool("dry-run"), quiet: c.Bool("quiet"),
				partial: c.Bool("partial"), literal: c.Bool("literal"), began: time.Now()}
			return r.run(c.Context, args[:len(args)-1], args[len(args)-1])
		},
	}
}

// restorer reads through the mount if there is one, else from the index and the destinations. partial says that what comes
// before a fault is wanted to the byte.
func (s *settings) restorer(ctx context.Context, partial bool) (restorer, error) {
	var r report
	err := control.NewClient(s.state.socket()).Brief(ctx, &r)
	if err == nil {
		b, err := newMountBrowser(r.Mountpoint)
		if err != nil {
			return nil, err
		}
		return mountRestorer{b, partial}, nil
	}
	if !errors.Is(err, control.ErrNoOwner) {
		return nil, err
	}
	b, err := s.newIndexBrowser(ctx)
	if err != nil {
		return nil, err
	}
	return indexRestorer{b}, nil
}

// restoring is one restore.
type restoring struct {
	*settings
	from      restorer
	overwrite bool
	rehearse  bool
	quiet     bool
	literal   bool
	partial   bool
	began     time.Time

	dir   string // where to
	place *restore.Place
	proof []notComplete
	failures
}

func (r *restoring) run(ctx context.Context, paths []string, dest string) error {
	roots, err := r.find(ctx, paths)
	if err != nil {
		return err
	}
	if r.proof, err = r.notComplete(ctx, roots); err != nil {
		return err
	}
	if err := r.aim(roots, dest); err != nil {
		return err
	}
	r.warnOfProof()
	show := r.show(ctx, roots)
	window, files := r.from.window(&roots[0].Entry)
	o := restore.Options{Place: r.place, Overwrite: r.overwrite, Rehearse: r.rehearse, Partial: r.partial, Window: window, Workers: files,
		Progress: show, Failed: func(path string, err error) { r.failures.add(show.line, path, err) }}
	summary, err := restore.Run(ctx, roots, o)
	show.end()
	return r.finish(summary, err)
}

// find finds what is to be restored. A path that ends with a slash stands for what is in the folder.
func (r *restoring) find(ctx context.Context, paths []string) ([]restore.Root, error) {
	var roots []restore.Root
	taken := map[string]string{}
	for _, p := range paths {
		clean, e, err := r.findOne(ctx, p)
		if err != nil {
			return nil, err
		}
		root := restore.Root{Source: r.from, Entry: e, Name: path.Base(clean), Path: clean}
		if strings.HasSuffix(p, "/") || clean == "" {
			if !isFolder(&e) {
				return nil, explain("restore", p, errors.New("not a folder"))
			}
			root.Name = ""
		}
		if other, ok := taken[root.Name]; ok && root.Name != "" {
			return nil, exit.Usagef("%s and %s would have the same name", other, clean)
		}
		taken[root.Name] = clean
		roots = append(roots, root)
	}
	return roots, nil
}

// findOne finds what an argument means.
func (r *restoring) findOne(ctx context.Context, arg string) (p string, e restore.Entry, err error) {
	p, err = among(r.pathArgument(r.from, arg, r.literal).forms(), func(p string) error {
		_, err := r.from.find(ctx, p)
		return err
	})
	if err == nil {
		e, err = r.from.find(ctx, p)
	}
	return p, e, err
}

func isFolder(e *restore.Entry) bool { return e.Mode&backup.ModeType == backup.ModeDir }

// aim opens the directory that everything goes into, which is made if it is not there. One file alone may be given another
// name.
func (r *restoring) aim(roots []restore.Root, dest string) error {
	dir, err := absolute("DIRECTORY", dest)
	if err != nil {
		return err
	}
	if strings.HasSuffix(dest, "/") {
		dir += "/"
	}
	r.place, err = restore.Locate(restore.Destination{Path: dir, File: len(roots) == 1 && !isFolder(&roots[0].Entry),
		Private: roots[0].Name == "", Rehearse: r.rehearse})
	if err != nil {
		return explainPlace(dest, err)
	}
	r.dir = r.place.Dir
	if r.place.Name != "" {
		roots[0].Name = r.place.Name
	}
	return nil
}

// explainPlace is an error about where a restore goes.
func explainPlace(dest string, err error) error {
	out := fmt.Errorf("restore to %s: %w", dest, err)
	var unsafe *restore.UnsafeError
	switch {
	case errors.Is(err, restore.ErrNoDirectory):
		return exit.With(out, exit.Usage, "")
	case errors.As(err, &unsafe):
		return exit.Hinted(out, "root would write wherever that leads: restore to a directory of root's, such as one below /root")
	}
	return out
}
