package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/live"
	"slotfs/cmd/internal/term"
)

// finish tells people what was done.
func (r *restoringLive) finish(all []live.Outcome, dryRun bool) error {
	if len(all) == 0 {
		return nil // it did not begin
	}
	if r.json {
		code := exit.Done
		for i := range all {
			code = live.Worse(code, all[i].Code)
		}
		return errors.Join(r.printJSON(all), codeError(code))
	}
	code, group := exit.Done, ""
	for i := range all {
		code = live.Worse(code, all[i].Code)
		group = all[i].Group
		r.tell(&all[i], dryRun)
	}
	if group != "" {
		r.tellUndo("all of it", group)
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
			if o.ID != "" && o.Group == "" {
				r.tellUndo("what it changed so far", o.ID)
			}
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
	if o.Left {
		fmt.Fprintf(r.out, "%s %s in %s\n", map[bool]string{true: "would leave", false: "left"}[dryRun], o.Kind, term.Escape(o.Target))
		return
	}
	fmt.Fprintf(r.out, "%s %s %s: %s\n", done, o.Kind, term.Escape(o.Target), whatLive(o))
	if o.ID != "" && o.Group == "" {
		r.tellUndo("this", o.ID)
	}
}

// tellUndo tells how a restore is undone.
func (r *restoringLive) tellUndo(what, id string) {
	if r.quiet {
		return
	}
	until := "for good"
	if keep := r.live.Config.KeepBefore; keep > 0 {
		until = "until " + time.Now().Add(keep).Format(time.DateTime)
	}
	fmt.Fprintf(r.out, "%s can be undone %s: slotfs restore --undo %s\n", what, until, id)
}

// whatLive counts what was put back.
func whatLive(o *live.Outcome) string {
	if s := o.Files; s != nil {
		text := fmt.Sprintf("%s (%s)", term.Count(s.Files, "file", "files"), term.Bytes(s.Bytes))
		for _, part := range []struct {
			n    int64
			what string
		}{{s.Replace, "replaced others"}, {s.Same, "there already"}, {s.Lines, "added to lists of mail accounts or folders"}, {s.Failed, "failed"}} {
			if part.n > 0 {
				text += fmt.Sprintf("; %d %s", part.n, part.what)
			}
		}
		return text
	}
	switch o.Kind {
	case "database-users", "database users":
		return fmt.Sprintf("%s, %s", term.Count(int64(len(o.Users)), "user", "users"), term.Count(int64(len(o.Grants)), "grant", "grants"))
	case "package":
		return "handed to restorepkg"
	case "cron":
		return term.Count(int64(o.Parts), "job", "jobs")
	case "forwarders", "filters", "mail-routes":
		return term.Count(int64(o.Parts), "file of the mail server", "files of the mail server")
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

// records lists the live restores that can be undone.
func (r *restoringLive) records() error {
	all, err := r.live.Past()
	if err != nil || r.json {
		return errors.Join(err, r.printJSON(all))
	}
	rows := [][]string{{"ID", "TIME", "KIND", "WHAT", "FROM", "STATE"}}
	for i := range all {
		p := &all[i]
		state := p.Stage
		switch {
		case p.Undone != "":
			state = "undone by " + p.Undone
		case p.Group != "":
			state += ", part of " + p.Group
		}
		rows = append(rows, []string{p.ID, p.Time.Local().Format(time.DateTime), p.Kind, term.Escape(p.Target), term.Escape(p.Source), state})
	}
	return term.Table(r.out, rows)
}
