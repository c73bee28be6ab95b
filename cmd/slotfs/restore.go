package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
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
			&cli.BoolFlag{Name: "dry-run", Usage: "tell what would be done, and change nothing"},
			&cli.BoolFlag{Name: "quiet", Usage: "no progress and no summary, only what is wrong"},
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
			from, err := g.restorer(c.Context)
			if err != nil {
				return err
			}
			defer from.Close()
			r := &restoring{settings: g, from: from, overwrite: c.Bool("overwrite"), rehearse: c.Bool("dry-run"), quiet: c.Bool("quiet"),
				began: time.Now()}
			return r.run(c.Context, args[:len(args)-1], args[len(args)-1])
		},
	}
}

// restorer reads through the mount if there is one, else from the index and the destinations.
func (s *settings) restorer(ctx context.Context) (restorer, error) {
	var r report
	err := control.NewClient(s.state.socket()).Brief(ctx, &r)
	if err == nil {
		b, err := newMountBrowser(r.Mountpoint)
		if err != nil {
			return nil, err
		}
		return mountRestorer{b}, nil
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
	began     time.Time

	dir  string // where to
	made bool   // it was made for this
	failures
}

func (r *restoring) run(ctx context.Context, paths []string, dest string) error {
	roots, err := r.find(ctx, paths)
	if err != nil {
		return err
	}
	if err := r.aim(roots, dest); err != nil {
		return err
	}
	show := r.show(ctx, roots)
	window, files := r.from.window(&roots[0].Entry)
	o := restore.Options{Dir: r.dir, Overwrite: r.overwrite, Rehearse: r.rehearse, Made: r.made, Window: window, Workers: files,
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
		clean := shownPath(p)
		e, err := r.from.find(ctx, clean)
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

func isFolder(e *restore.Entry) bool { return e.Mode&backup.ModeType == backup.ModeDir }

// aim settles where everything goes: into the directory dest, which is made if it is not there. One file alone may be
// given another name.
func (r *restoring) aim(roots []restore.Root, dest string) error {
	var err error
	if r.dir, err = absolute("DIRECTORY", dest); err != nil {
		return err
	}
	info, err := os.Stat(r.dir)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return explainLocal("restore to", dest, err)
	case len(roots) == 1 && !isFolder(&roots[0].Entry) && !strings.HasSuffix(dest, "/"):
		r.dir, roots[0].Name = filepath.Split(r.dir)
		if _, err := os.Stat(r.dir); err != nil {
			return explainLocal("restore to", r.dir, err)
		}
		return nil
	case err == nil:
		return exit.With(fmt.Errorf("restore to %s: not a directory", dest), exit.Usage, "")
	case r.rehearse:
		_, err := os.Stat(filepath.Dir(r.dir))
		return explainLocal("restore to", dest, err)
	}
	mode := os.FileMode(0o755)
	if roots[0].Name == "" {
		mode = 0o700 // until it gets that of the folder
	}
	r.made = true
	return explainLocal("restore to", dest, os.Mkdir(r.dir, mode))
}

// explainLocal is an error about a local path.
func explainLocal(op, p string, err error) error {
	if err == nil {
		return nil
	}
	var at *os.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("%s %s: %w", op, p, err)
}
