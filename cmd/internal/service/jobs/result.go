package jobs

import (
	"fmt"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
)

// Result is how one account ended, as --json shows it.
type Result struct {
	Job           string    `json:"job"`
	Account       string    `json:"account,omitempty"` // absent: of the whole job
	Slot          int       `json:"slot,omitempty"`
	Gen           uint64    `json:"gen,omitempty"`
	Reason        string    `json:"reason,omitempty"` // why this slot
	Resumed       bool      `json:"resumed,omitempty"`
	Files         int64     `json:"files"`
	Bytes         int64     `json:"bytes"`
	Uploaded      int64     `json:"uploaded"`
	UploadedBytes int64     `json:"uploaded_bytes"`
	Copied        int64     `json:"copied"`
	Linked        int64     `json:"linked"`
	Compared      int64     `json:"to_compare,omitempty"` // in a dry run: sent if their content differs
	Deleted       int64     `json:"deleted"`
	Forgotten     int       `json:"forgotten,omitempty"` // slots that were removed, of an account that is gone
	Changed       int64     `json:"changed_while_read"`
	Frozen        int64     `json:"unreadable"`
	Missing       int64     `json:"missing"`
	Left          []Refused `json:"refused,omitempty"`
	Durability    string    `json:"durability,omitempty"`
	Seconds       float64   `json:"seconds"`
	DryRun        bool      `json:"dry_run,omitempty"`
	Warning       string    `json:"warning,omitempty"`
	Error         string    `json:"error,omitempty"`
	Hint          string    `json:"hint,omitempty"`
	Code          int       `json:"code"`
}

// take takes over what a run did.
func (r *Result) take(s slot.Summary) {
	r.Slot, r.Gen, r.Reason, r.Resumed, r.Durability = s.Slot, s.Gen, s.Reason, s.Resumed, s.Durability
	r.Files, r.Bytes, r.Uploaded, r.UploadedBytes = s.Files, s.Bytes, s.Uploaded, s.UploadedBytes
	r.Copied, r.Linked, r.Deleted, r.Changed, r.Frozen = s.Copied, s.Linked, s.Deleted, s.Changed, s.Frozen
	r.Compared, r.Missing = s.Compared, s.Missing
	for _, l := range s.Left {
		r.Left = append(r.Left, Refused(l))
	}
}

// Refused is a path that the server refused.
type Refused struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// warn adds to what is wrong with a backup that was made.
func (r *Result) warn(text string) {
	if r.Warning != "" {
		text = r.Warning + "; " + text
	}
	r.Warning = text
}

// fail says that there is no backup.
func (r *Result) fail(err error) {
	r.Error, r.Hint, r.Code = strings.ReplaceAll(err.Error(), "\n", "; "), exit.Hint(err), exit.Code(err)
	if r.Code == exit.Interrupted {
		r.Error = r.Subject() + ": interrupted"
	}
}

// warnOfUnreadable adds what could not be read to the warning.
func (r *Result) warnOfUnreadable(j *config.Job) {
	if r.Frozen == 0 {
		return
	}
	instead := "the slot keeps what it had of them"
	if j != nil && j.Mode == string(manifest.Compressed) {
		instead = "the backup lacks them"
	}
	r.warn(fmt.Sprintf("%s could not be read; %s", term.Count(r.Frozen, "file or directory", "files or directories"), instead))
}

// warnOfMissing adds what the server refused to the warning.
func (r *Result) warnOfMissing() {
	if r.Missing == 0 && len(r.Left) == 0 {
		return
	}
	text := fmt.Sprintf("the server refuses %s; the rest is backed up", term.Count(max(r.Missing, int64(len(r.Left))), "file or directory", "files or directories"))
	if r.Warning != "" {
		text = r.Warning + "; " + text
	}
	r.Warning = text
}

// Subject is what the result is about, in words.
func (r *Result) Subject() string {
	if r.Account == "" {
		return "job " + r.Job
	}
	return r.Job + "/" + r.Account
}
