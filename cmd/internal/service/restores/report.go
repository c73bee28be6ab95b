package restores

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// keptFailures is how many failures a report has.
const keptFailures = 1000

// Report is how a restore ended.
type Report struct {
	restore.Summary
	Directory string     `json:"directory"`
	As        string     `json:"as,omitempty"`             // the user with whose rights
	Strangers []string   `json:"unknown_owners,omitempty"` // names that nobody has here
	Proof     []Unproven `json:"not_complete,omitempty"`   // snapshots of which not everything was proven
	DryRun    bool       `json:"dry_run,omitempty"`
	Seconds   float64    `json:"seconds"`
	Failures  []Failure  `json:"failures"` // at most 1000
	Error     string     `json:"error,omitempty"`
	Code      int        `json:"code"`

	Exists bool `json:"-"` // there are failures that replacing what is there helps against
	rotten bool // there are such as are not what was backed up
}

// Failure is something that was not restored, or not with all that belongs to it.
type Failure struct {
	Path    string `json:"path"`
	PathB64 string `json:"path_base64,omitempty"` // where the path is not UTF-8
	Error   string `json:"error"`
	Code    int    `json:"-"` // exit code of its kind
}

// failed notes a failure.
func (r *Restore) failed(path string, err error) {
	f := Failure{Error: term.Clean(cause(path, err)), Code: exit.Code(err)}
	f.Path, f.PathB64 = term.Text(path)
	if len(r.report.Failures) < keptFailures {
		r.report.Failures = append(r.report.Failures, f)
	}
	r.report.Exists = r.report.Exists || errors.Is(err, restore.ErrExists)
	r.report.rotten = r.report.rotten || errors.Is(err, backup.ErrCorrupt) || errors.Is(err, syscall.EIO) // which is all that a mount tells
	if r.Failed != nil {
		f.Path = path
		r.Failed(f)
	}
}

// cause is why a path was not restored, in one line and without the path, which stands before it.
func cause(path string, err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	for _, op := range []string{"restore ", "open ", "cat ", "stat ", "ls ", ""} {
		text = strings.TrimPrefix(text, op+path+": ")
	}
	return text
}

// finish completes the report.
func (r *Restore) finish(s restore.Summary, err error) (*Report, error) {
	out := r.report
	out.Summary, out.Seconds, out.Directory = s, time.Since(r.began).Seconds(), term.Clean(out.Directory)
	if out.As == "" && os.Geteuid() == 0 { // else everything belongs to the user anyway
		out.Strangers = r.owners.strangers()
	}
	switch {
	case err != nil:
		err = r.ended(err)
		out.Error, out.Code = err.Error(), exit.Code(err)
	case s.Failed > 0 && !s.Any() && !out.rotten:
		out.Code = exit.Failed
	case s.Failed > 0 || len(out.Proof) > 0:
		out.Code = exit.Partial
	}
	return out, err
}

// ended explains why a restore ended early.
func (r *Restore) ended(err error) error {
	const again = "the same command goes on where this one stopped"
	dir := r.report.Directory
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case restore.Full(err):
		return exit.Hinted(fmt.Errorf("restore to %s: no space left", dir), "make room; "+again)
	case restore.Unmounted(err):
		return exit.Hinted(fmt.Errorf("restore to %s: the mount went away", dir), again)
	}
	switch {
	case errors.As(err, new(*restore.TargetError)):
		err = fmt.Errorf("restore to %s: %w", dir, err)
	case errors.As(err, new(*restore.SourceError)):
		err = fmt.Errorf("restore %w", err) // its path comes first
	default:
		err = fmt.Errorf("restore: %w", err)
	}
	if exit.Code(err) == exit.Unreachable {
		return exit.Hinted(err, again)
	}
	return err
}
