package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
)

// syncResult is how one account ended, as --json shows it.
type syncResult struct {
	Job           string     `json:"job"`
	Account       string     `json:"account,omitempty"` // absent: of the whole job
	Slot          int        `json:"slot,omitempty"`
	Gen           uint64     `json:"gen,omitempty"`
	Resumed       bool       `json:"resumed,omitempty"`
	Files         int64      `json:"files"`
	Bytes         int64      `json:"bytes"`
	Uploaded      int64      `json:"uploaded"`
	UploadedBytes int64      `json:"uploaded_bytes"`
	Copied        int64      `json:"copied"`
	Linked        int64      `json:"linked"`
	Compared      int64      `json:"to_compare,omitempty"` // in a dry run: sent if their content differs
	Deleted       int64      `json:"deleted"`
	Changed       int64      `json:"changed_while_read"`
	Frozen        int64      `json:"unreadable"`
	Missing       int64      `json:"missing"`
	Left          []leftJSON `json:"refused,omitempty"`
	Durability    string     `json:"durability,omitempty"`
	Seconds       float64    `json:"seconds"`
	DryRun        bool       `json:"dry_run,omitempty"`
	Warning       string     `json:"warning,omitempty"`
	Error         string     `json:"error,omitempty"`
	Hint          string     `json:"hint,omitempty"`
	Code          int        `json:"code"`
}

// take takes over what a run did.
func (r *syncResult) take(s slot.Summary) {
	r.Slot, r.Gen, r.Resumed, r.Durability = s.Slot, s.Gen, s.Resumed, s.Durability
	r.Files, r.Bytes, r.Uploaded, r.UploadedBytes = s.Files, s.Bytes, s.Uploaded, s.UploadedBytes
	r.Copied, r.Linked, r.Deleted, r.Changed, r.Frozen = s.Copied, s.Linked, s.Deleted, s.Changed, s.Frozen
	r.Compared, r.Missing = s.Compared, s.Missing
	for _, l := range s.Left {
		r.Left = append(r.Left, leftJSON(l))
	}
}

// leftJSON is a path that the server refused.
type leftJSON struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// warn adds to what is wrong with a backup that was made.
func (r *syncResult) warn(text string) {
	if r.Warning != "" {
		text = r.Warning + "; " + text
	}
	r.Warning = text
}

// done keeps a result and tells it to people: one line for each account.
func (y *syncing) done(r syncResult, err error) {
	r.DryRun = y.dryRun
	if err != nil {
		r.Error, r.Hint, r.Code = strings.ReplaceAll(err.Error(), "\n", "; "), exit.Hint(err), exit.Code(err)
		if r.Code == exit.Interrupted {
			r.Error = r.name() + ": interrupted"
		}
	}
	if r.Error == "" && r.Frozen > 0 {
		instead := "the slot keeps what it had of them"
		if j := y.config.Jobs[r.Job]; j != nil && j.Mode == string(manifest.Compressed) {
			instead = "the backup lacks them"
		}
		r.warn(fmt.Sprintf("%d files or folders could not be read; %s", r.Frozen, instead))
	}
	if r.Error == "" {
		r.warnOfMissing()
	}
	y.results = append(y.results, r)
	y.remember(&r, err)
	level := slog.LevelInfo
	if r.Error != "" || r.Account == "" {
		level = slog.LevelWarn
	}
	y.Log.Log(context.Background(), level, "sync", "job", r.Job, "account", r.Account, "slot", r.Slot, "gen", r.Gen, "files", r.Files, "bytes", r.Bytes,
		"uploaded", r.Uploaded, "uploaded_bytes", r.UploadedBytes, "copied", r.Copied, "deleted", r.Deleted, "seconds", r.Seconds,
		"warning", r.Warning, "error", r.Error)
	switch {
	case r.Error != "" && r.Code != exit.Interrupted:
		fmt.Fprintf(y.err, "slotfs: %s\n", term.Clean(r.Error))
		if r.Hint != "" {
			fmt.Fprintf(y.err, "slotfs: hint: %s\n", term.Clean(r.Hint))
		}
	case r.Error == "" && r.Account != "" && !y.quiet && !y.json:
		fmt.Fprintln(y.out, term.Clean(r.text()))
	}
	if r.Warning != "" {
		fmt.Fprintf(y.err, "slotfs: %s: %s\n", term.Clean(r.name()), term.Clean(r.Warning))
	}
	if r.Error == "" {
		for _, l := range r.Left {
			fmt.Fprintf(y.err, "slotfs: %s: %s: %s\n", term.Clean(r.name()), term.Clean(l.Path), term.Clean(l.Why))
		}
	}
}

// warnOfMissing adds what the server refused to the warning.
func (r *syncResult) warnOfMissing() {
	if r.Missing == 0 && len(r.Left) == 0 {
		return
	}
	text := fmt.Sprintf("the server refuses %s; the rest is backed up", term.Count(max(r.Missing, int64(len(r.Left))), "file or directory", "files or directories"))
	if r.Warning != "" {
		text = r.Warning + "; " + text
	}
	r.Warning = text
}

func (r *syncResult) name() string {
	if r.Account == "" {
		return "job " + r.Job
	}
	return r.Job + "/" + r.Account
}

// text puts a result into one line.
func (r *syncResult) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: slot %d", r.name(), r.Slot)
	if r.DryRun {
		b.WriteString(" would be written")
	}
	if r.Resumed {
		b.WriteString(" (resumed)")
	}
	sent := "sent"
	if r.DryRun {
		sent = "to send"
	}
	fmt.Fprintf(&b, ": %s, %s; %s %d (%s)", term.Count(r.Files, "file", "files"), term.Bytes(r.Bytes), sent, r.Uploaded, term.Bytes(r.UploadedBytes))
	for _, part := range []struct {
		n    int64
		what string
	}{{r.Compared, "to compare by content"}, {r.Copied, "copied on the server"}, {r.Linked, "linked"}, {r.Deleted, "deleted"}, {r.Changed, "changed while they were read"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.what)
		}
	}
	fmt.Fprintf(&b, "; %s", term.Duration(time.Duration(r.Seconds*float64(time.Second))))
	if r.Durability == "none" {
		b.WriteString("; the server cannot say whether it is on its disk")
	}
	return b.String()
}

// transfer gives what shows a job's progress.
func (y *syncing) transfer() *progress.Transfer {
	switch {
	case y.quiet || y.json:
		return progress.NewSilentTransfer()
	case term.IsTerminal(y.err):
		return progress.NewLiveTransfer(y.err, func() int { return term.Width(y.err) }, time.Now)
	}
	return progress.NewTransfer(y.err, time.Now)
}
