package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/term"
)

// done tells people how an account ended: one line for each.
func (y *syncCmd) done(r jobs.Result) {
	y.record(r)
	y.show.Above(func() {
		switch {
		case r.Error != "" && r.Code != exit.Interrupted:
			y.complain(r.Error, r.Hint, r.Code)
		case r.Error == "" && r.Account != "" && !y.quiet && !y.json:
			fmt.Fprintln(y.out, term.Clean(resultText(&r)))
		}
		if r.Warning != "" {
			y.warn(r.Subject()+": "+r.Warning, "")
		}
		if r.Error != "" {
			return
		}
		for _, refused := range r.Left {
			y.warn(r.Subject()+": "+refused.Path+": "+refused.Why, "")
		}
	})
}

// record writes a result into the log.
func (y *syncCmd) record(r jobs.Result) {
	level := slog.LevelInfo
	if r.Error != "" || r.Account == "" {
		level = slog.LevelWarn
	}
	y.Log.Log(context.Background(), level, "sync", "job", r.Job, "account", r.Account, "slot", r.Slot, "reason", r.Reason, "gen", r.Gen, "files", r.Files, "bytes", r.Bytes,
		"uploaded", r.Uploaded, "uploaded_bytes", r.UploadedBytes, "copied", r.Copied, "deleted", r.Deleted, "seconds", r.Seconds,
		"warning", r.Warning, "error", r.Error)
}

// resultText puts a result into one line.
func resultText(r *jobs.Result) string {
	if r.Forgotten > 0 {
		return fmt.Sprintf("%s: the account is gone: %s removed, which gives about %s", r.Subject(),
			term.Count(int64(r.Forgotten), "slot", "slots"), term.Bytes(r.Bytes))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: slot %d", r.Subject(), r.Slot)
	if r.DryRun {
		fmt.Fprintf(&b, " would be written (%s)", r.Reason)
	}
	if r.Resumed && !r.DryRun {
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
