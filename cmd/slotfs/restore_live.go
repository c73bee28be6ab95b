package main

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/live"
	"slotfs/cmd/internal/term"
)

// liveFlags are those of a restore into live accounts.
func liveFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "live", Usage: "put parts of a snapshot, or all of it, back into the live account; DIRECTORY is left out then"},
		&cli.BoolFlag{Name: "records", Usage: "list the live restores that can be undone"},
		&cli.StringFlag{Name: "undo", Usage: "put back what was there before the live restore `ID`"},
		&cli.StringFlag{Name: "account", Usage: "with --live: the `USER` of this machine whose account it is", DefaultText: "the account's name, where its home is this machine"},
		&cli.StringFlag{Name: "home", Usage: "with --live: the home `DIRECTORY` of the account", DefaultText: "that of its user"},
		&cli.BoolFlag{Name: "replace", Usage: "with --live: mailboxes take the place of those that are there, which are kept, instead of being merged"},
		&cli.BoolFlag{Name: "restorepkg", Usage: "with --live: hand a whole account to cPanel's restorepkg, which replaces it"},
		&cli.StringFlag{Name: "database", Usage: "with --live: restore the dump as the database `NAME`", DefaultText: "the name of the dump, if it is the account's"},
		&cli.StringSliceFlag{Name: "table", Usage: "with --live: replace the table `NAME` alone; may be repeated"},
	}
}

// onlyLive are the flags that say nothing without --live, and notLive those that say nothing with it.
var (
	onlyLive = []string{"account", "home", "replace", "restorepkg", "database", "table"}
	notLive  = []string{"overwrite", "partial", "maildir", "numeric-owner", "map-owner", "as", "security-attribute"}
)

// restoreLive is the command with --live or --undo.
func (s *settings) restoreLive(c *cli.Context) error {
	for _, name := range notLive {
		if c.IsSet(name) {
			return exit.Usagef("--%s: not with --live or --undo", name)
		}
	}
	conf, err := s.Config()
	if err != nil {
		return err
	}
	run := &restoringLive{settings: s, quiet: c.Bool("quiet"), show: s.transfer(c.Bool("quiet") || c.Bool("dry-run")),
		live: &live.Live{State: s.State, Config: conf.Live, Who: "root", Stderr: s.err}}
	run.live.Begin = func(what string, size int64) {
		run.show.Begin(term.Escape(what))
		run.show.Planned(0, size)
	}
	run.live.Tidied = func(ids []string) {
		run.show.Above(func() {
			s.warning("restores that were interrupted are finished or taken back now: %s", strings.Join(ids, ", "))
		})
	}
	if !run.quiet && !s.json {
		run.live.Progress = run.show
	}
	if c.Bool("records") {
		if c.Args().Len() > 0 || c.Bool("live") || c.IsSet("undo") {
			return exit.With(errors.New("--records takes nothing else"), exit.Usage, seeHelp("restore"))
		}
		return run.records()
	}
	if id := c.String("undo"); id != "" {
		if c.Args().Len() > 0 || c.Bool("live") {
			return exit.With(errors.New("--undo takes an id and nothing else"), exit.Usage, seeHelp("restore"))
		}
		return run.undo(c.Context, id, c.Bool("dry-run"))
	}
	if c.Args().Len() == 0 {
		return exit.With(errors.New("PATH is missing"), exit.Usage, seeHelp("restore"))
	}
	return run.restore(c.Context, c.Args().Slice(), c.Bool("literal"), live.Request{Account: c.String("account"), Home: c.String("home"), Replace: c.Bool("replace"), Restorepkg: c.Bool("restorepkg"),
		Database: c.String("database"), Tables: c.StringSlice("table"), DryRun: c.Bool("dry-run")})
}

// restoringLive is one restore into live accounts.
type restoringLive struct {
	*settings
	live  *live.Live
	show  *progress.Transfer
	quiet bool
}

func (r *restoringLive) restore(ctx context.Context, args []string, literal bool, q live.Request) error {
	b, err := r.Browse(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	for _, arg := range args {
		p, err := among(r.pathArgument(b, arg, literal).forms(), func(p string) error {
			_, err := browse.Resolve(ctx, b.Tree(), p)
			return err
		})
		if err != nil {
			return err
		}
		q.Paths = append(q.Paths, p)
	}
	r.live.Tree = b.Tree()
	all, err := r.live.Restore(ctx, q)
	r.show.End()
	return errors.Join(r.finish(all, q.DryRun), err)
}

func (r *restoringLive) undo(ctx context.Context, id string, dryRun bool) error {
	all, err := r.live.Undo(ctx, id, dryRun)
	r.show.End()
	return errors.Join(r.finish(all, dryRun), err)
}
