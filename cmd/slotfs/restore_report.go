package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"slotfs/cmd/internal/service/restores"
	"slotfs/cmd/internal/term"
)

// saidFailures is how many failures are told one by one.
const saidFailures = 20

// tellFailure tells people of the first ones that were not restored.
func (r *restoring) tellFailure(f restores.Failure) {
	r.failed++
	if r.failed <= saidFailures {
		r.complain(fmt.Sprintf("restore %s: %s", term.Escape(f.Path), f.Error), "", f.Code)
	}
}

// tellShort tells when it will not fit.
func (r *restoring) tellShort(needed, free int64) {
	r.warning("%s are to be restored, %s are free at %s", term.Bytes(needed), term.Bytes(free), r.request.Directory)
}

// tellProof tells what is not proven of what is going to be restored.
func (r *restoring) tellProof(begun *restores.Report) {
	for i := range begun.Proof {
		r.warnOfStatus(&begun.Proof[i])
	}
}

// warnOfStatus tells that a snapshot is not complete, and which of its files that concerns.
func (s *shell) warnOfStatus(n *restores.Unproven) {
	text := fmt.Sprintf("%s is %s", n.Path, n.Status)
	if n.Missing > 0 {
		text += ", without " + term.Count(int64(n.Missing), "entry", "entries") + " that its server refused"
	}
	if n.Detail != "" {
		text += ": " + n.Detail
	}
	s.warning("%s", text)
	for _, file := range n.Files[:min(len(n.Files), saidFailures)] {
		s.warning("it may be wrong, or is not whole: %s", file)
	}
	if more := n.Affected - uint64(min(len(n.Files), saidFailures)); more > 0 {
		s.warning("%d more may be; snapshot.json lists the first ones", more)
	}
}

// finish tells people what was done. err is why it ended early.
func (r *restoring) finish(report *restores.Report, err error) error {
	if err == nil && report.Code != 0 {
		err = &reported{report.Code}
	}
	if r.json {
		return errors.Join(err, r.printJSON(report))
	}
	if names := report.Strangers; len(names) > 0 {
		r.warning("not here, and what is theirs is root's with mode 0600: %s", strings.Join(names, ", "))
		r.hint("make these users and groups before, say who they are here with --map-owner OLD:NEW, or keep the numbers of the backup with --numeric-owner")
	}
	if more := r.failed - saidFailures; more > 0 {
		r.warn(fmt.Sprintf("restore: %d more failed", more), "")
	}
	if report.Exists {
		r.hint("what is there is left as it is; --overwrite replaces it")
	}
	if report.Failed > 0 && len(report.Proof) > 0 && !r.request.Partial {
		r.hint("--partial keeps the beginning of files that cannot be read to their end")
	}
	if err != nil {
		err = &reported{r.exit(err)} // before the summary, which is the last line
	}
	if !r.quiet {
		fmt.Fprintln(r.out, r.text(report))
	}
	return err
}

// text puts what was done into one line.
func (r *restoring) text(s *restores.Report) string {
	var b strings.Builder
	done := "restored"
	if s.DryRun {
		done = "would restore"
	}
	fmt.Fprintf(&b, "%s %s (%s)", done, term.Count(s.Files, "file", "files"), term.Bytes(s.Bytes))
	for _, part := range []struct {
		n         int64
		one, many string
	}{{s.Directories, "directory", "directories"}, {s.Links, "link", "links"}, {s.Special, "pipe or socket", "pipes and sockets"}} {
		if part.n > 0 {
			b.WriteString(", " + term.Count(part.n, part.one, part.many))
		}
	}
	for _, part := range []struct {
		n    int64
		what string
	}{{s.Replace, "replaced others"}, {s.Same, "there already"}, {s.Failed, "failed"}, {s.Partial, "of them in part"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, "; %d %s", part.n, part.what)
		}
	}
	fmt.Fprintf(&b, "; %s", term.Duration(time.Duration(s.Seconds*float64(time.Second))))
	return b.String()
}
