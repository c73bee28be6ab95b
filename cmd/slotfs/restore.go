package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/fs/restore"
	"slotfs/fs/restore/asuser"
	"slotfs/indexer/backup"
)

func restoreCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "restore",
		Usage:     "copy files and directories out of snapshots with all that belongs to them, with or without a mount",
		ArgsUsage: "PATH... DIRECTORY",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "overwrite", Usage: "replace files that differ"},
			&cli.BoolFlag{Name: "partial", Usage: "keep the beginning of a file that cannot be read to its end, as NAME.partial"},
			&cli.BoolFlag{Name: "maildir", Usage: "merge mailboxes: a message that is there with other flags is not restored again"},
			&cli.BoolFlag{Name: "dry-run", Usage: "tell what would be done, and change nothing"},
			&cli.BoolFlag{Name: "quiet", Usage: "no progress and no summary, only what is wrong"},
			&cli.BoolFlag{Name: "numeric-owner", Usage: "keep the numbers of owners, whoever has them here"},
			&cli.StringFlag{Name: "as", Usage: "write with the rights of `USER`", DefaultText: "the user in whose home DIRECTORY lies, else root"},
			&cli.StringSliceFlag{Name: "security-attribute", Usage: "also set the extended attribute `NAME`, such as security.selinux; may be repeated"},
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
			for _, name := range c.StringSlice("security-attribute") {
				if !strings.HasPrefix(name, "security.") || name == "security.capability" {
					return exit.Usagef("--security-attribute %s: no attribute that can be asked for", name)
				}
			}
			b, err := g.Browse(c.Context)
			if err != nil {
				return err
			}
			defer b.Close()
			owners := newOwnerMap(c.Bool("numeric-owner"))
			r := &restoring{settings: g, from: restorer{b, owners}, owners: owners, overwrite: c.Bool("overwrite"), rehearse: c.Bool("dry-run"), quiet: c.Bool("quiet"),
				partial: c.Bool("partial"), maildir: c.Bool("maildir"), literal: c.Bool("literal"), as: c.String("as"), security: c.StringSlice("security-attribute"),
				began: time.Now()}
			return r.run(c.Context, args[:len(args)-1], args[len(args)-1])
		},
	}
}

// restoring is one restore.
type restoring struct {
	*settings
	from      restorer
	owners    *ownerMap
	overwrite bool
	rehearse  bool
	quiet     bool
	literal   bool
	partial   bool
	maildir   bool
	as        string
	security  []string
	began     time.Time

	dir   string // where to
	user  string // with whose rights; "": those of this process
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
	target, err := r.target(roots, dest)
	if err != nil {
		return err
	}
	id, err := r.identity(target.Path)
	if err != nil {
		return err
	}
	r.dir = strings.TrimSuffix(target.Path, "/")
	window, files := r.from.window(&roots[0].Entry)
	o := restore.Options{Overwrite: r.overwrite, Rehearse: r.rehearse, Partial: r.partial, Maildir: r.maildir, Window: window, Workers: files, Security: r.security}
	if id != nil {
		return r.runAs(ctx, &asuser.Host{Identity: *id, Destination: target, Roots: roots, Options: o})
	}
	if o.Place, err = restore.Locate(target); err != nil {
		return explainPlace(dest, err)
	}
	r.dir = o.Place.Dir
	r.warnOfProof()
	show := r.show(ctx, roots, o.Place)
	o.Progress, o.Failed = show, r.told(show)
	summary, err := restore.Run(ctx, roots, o)
	show.end()
	return r.finish(summary, err)
}

// told tells people what was not restored.
func (r *restoring) told(show *restoreShow) func(path string, err error) {
	line := func(text string, code int) { show.Above(func() { r.complain(text, "", code) }) }
	return func(path string, err error) { r.failures.add(line, path, err) }
}

// runAs is run with the rights of a user.
func (r *restoring) runAs(ctx context.Context, h *asuser.Host) error {
	r.user = h.Identity.Name
	r.warnOfProof()
	show := r.show(ctx, h.Roots, nil)
	h.Options.Progress, h.Options.Failed = show, r.told(show)
	summary, placed, err := r.restoreAs(ctx, h)
	show.end()
	if !placed {
		return explainPlace(r.dir, err)
	}
	return r.finish(summary, err)
}

// find finds what is to be restored. A path that ends with a slash stands for what is in the directory.
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
			if !isDirectory(&e) {
				return nil, browse.Explain("restore", p, errors.New("not a directory"))
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
	p, err = among(r.pathArgument(r.from.Browser, arg, r.literal).forms(), func(p string) error {
		_, err := r.from.find(ctx, p)
		return err
	})
	if err == nil {
		e, err = r.from.find(ctx, p)
	}
	return p, e, err
}

func isDirectory(e *restore.Entry) bool { return e.Mode&backup.ModeType == backup.ModeDir }

// explainPlace is an error about where a restore goes.
func explainPlace(dest string, err error) error {
	out := fmt.Errorf("restore to %s: %w", dest, err)
	var unsafe *restore.UnsafeError
	switch {
	case errors.Is(err, restore.ErrNoDirectory):
		return exit.With(out, exit.Usage, "")
	case errors.As(err, &unsafe):
		return exit.Hinted(out, "root would write wherever that leads: give the user with whose rights to write (--as USER), or a directory of root's")
	case errors.Is(err, iofs.ErrNotExist):
		return exit.Hinted(out, "make the directory that it is to lie in first: mkdir -p "+filepath.Dir(dest))
	}
	return out
}
