package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
		&cli.BoolFlag{Name: "live", Usage: "put files, mailboxes and databases back into the live account; DIRECTORY is left out then"},
		&cli.StringFlag{Name: "undo", Usage: "put back what was there before the live restore `ID`"},
		&cli.StringFlag{Name: "account", Usage: "with --live: the `USER` of this machine whose account it is", DefaultText: "the account's name, where its home is this machine"},
		&cli.StringFlag{Name: "database", Usage: "with --live: restore the dump as the database `NAME`", DefaultText: "the name of the dump, if it is the account's"},
		&cli.StringSliceFlag{Name: "table", Usage: "with --live: replace the table `NAME` alone; may be repeated"},
	}
}

// onlyLive are the flags that say nothing without --live, and notLive those that say nothing with it.
var (
	onlyLive = []string{"account", "database", "table"}
	notLive  = []string{"overwrite", "partial", "maildir", "numeric-owner", "as", "security-attribute"}
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
	if id := c.String("undo"); id != "" {
		if c.Args().Len() > 0 || c.Bool("live") {
			return exit.With(errors.New("--undo takes an id and nothing else"), exit.Usage, seeHelp("restore"))
		}
		return run.undo(c.Context, id, c.Bool("dry-run"))
	}
	if c.Args().Len() == 0 {
		return exit.With(errors.New("PATH is missing"), exit.Usage, seeHelp("restore"))
	}
	return run.restore(c.Context, c.Args().Slice(), c.Bool("literal"), live.Request{Account: c.String("account"), Database: c.String("database"), Tables: c.StringSlice("table"), DryRun: c.Bool("dry-run")})
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
	if err != nil {
		return err
	}
	return r.finish(all, q.DryRun)
}

func (r *restoringLive) undo(ctx context.Context, id string, dryRun bool) error {
	out, err := r.live.Undo(ctx, id, dryRun)
	r.show.End()
	if err != nil {
		return err
	}
	return r.finish([]live.Outcome{out}, dryRun)
}

// finish tells people what was done.
func (r *restoringLive) finish(all []live.Outcome, dryRun bool) error {
	if r.json {
		code := exit.Done
		for i := range all {
			code = live.Worse(code, all[i].Code)
		}
		return errors.Join(r.printJSON(all), codeError(code))
	}
	code := exit.Done
	for i := range all {
		code = live.Worse(code, all[i].Code)
		r.tell(&all[i], dryRun)
	}
	return codeError(code)
}

func codeError(code int) error {
	if code == exit.Done {
		return nil
	}
	return &reported{code}
}

// tell tells of one part.
func (r *restoringLive) tell(o *live.Outcome, dryRun bool) {
	for _, note := range o.Notes {
		r.warning("%s: %s", term.Escape(o.Path), term.Clean(note))
	}
	for _, what := range o.LeftOut {
		r.warning("%s: left out: %s", term.Escape(o.Path), term.Clean(what))
	}
	if o.Err != nil {
		r.complain(fmt.Sprintf("restore %s: %s", term.Escape(o.Path), strings.ReplaceAll(term.Clean(o.Error), "\n", "; ")), exit.Hint(o.Err), o.Code)
		if o.Code != exit.Partial {
			return
		}
	}
	if r.quiet {
		return
	}
	done := "restored"
	if dryRun {
		done = "would restore"
	}
	fmt.Fprintf(r.out, "%s %s %s: %s\n", done, o.Kind, term.Escape(o.Target), whatLive(o))
	if o.ID != "" {
		until := "for good"
		if keep := r.live.Config.KeepBefore; keep > 0 {
			until = "until " + time.Now().Add(keep).Format(time.DateTime)
		}
		fmt.Fprintf(r.out, "what was there before is kept %s: slotfs restore --undo %s\n", until, o.ID)
	}
}

// whatLive counts what was put back.
func whatLive(o *live.Outcome) string {
	if s := o.Files; s != nil {
		text := fmt.Sprintf("%s (%s)", term.Count(s.Files, "file", "files"), term.Bytes(s.Bytes))
		for _, part := range []struct {
			n    int64
			what string
		}{{s.Replace, "replaced others"}, {s.Same, "there already"}, {s.Failed, "failed"}} {
			if part.n > 0 {
				text += fmt.Sprintf("; %d %s", part.n, part.what)
			}
		}
		return text
	}
	text := term.Count(int64(len(o.Tables)), "table", "tables")
	if o.Objects > 0 {
		text += fmt.Sprintf(", %s", term.Count(int64(o.Objects), "view, trigger, routine or event", "views, triggers, routines and events"))
	}
	if len(o.Removed) > 0 {
		text += fmt.Sprintf("; not in the backup, and away: %s", term.Clean(strings.Join(o.Removed, ", ")))
	}
	return text
}
