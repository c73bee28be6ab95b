package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/term"
	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

const (
	// saidFailures is how many failures are told one by one, and keptFailures how many --json has.
	saidFailures = 20
	keptFailures = 1000
)

// failures are what was not restored. They come one at a time.
type failures struct {
	kept   []failureJSON
	said   int
	exists bool // there are such as --overwrite helps against
	rotten bool // there are such as are not what was backed up
}

type failureJSON struct {
	Path    string `json:"path"`
	PathB64 string `json:"path_base64,omitempty"` // where the path is not UTF-8
	Error   string `json:"error"`
}

// add notes a failure and tells people about the first ones.
func (f *failures) add(line func(text string, code int), path string, err error) {
	text := cause(path, err)
	if len(f.kept) < keptFailures {
		j := failureJSON{Error: term.Clean(text)}
		j.Path, j.PathB64 = term.Text(path)
		f.kept = append(f.kept, j)
	}
	f.exists = f.exists || errors.Is(err, restore.ErrExists)
	f.rotten = f.rotten || errors.Is(err, backup.ErrCorrupt) || errors.Is(err, syscall.EIO) // which is all that a mount tells
	f.said++
	if f.said <= saidFailures {
		line(fmt.Sprintf("restore %s: %s", term.Escape(path), text), exit.Code(err))
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

// restoreShow shows how a restore gets on.
type restoreShow struct {
	*progress.Transfer
	stop context.CancelFunc
	wait sync.WaitGroup
}

// show begins to show progress. What there is to do is counted beside doing it.
func (r *restoring) show(ctx context.Context, roots []restore.Root, place *restore.Place) *restoreShow {
	s := &restoreShow{stop: func() {}}
	switch {
	case r.quiet || r.json || r.rehearse:
		s.Transfer = progress.NewSilentTransfer()
		return s
	default:
		s.Transfer = r.transfer(false)
	}
	s.Begin("restore")
	ctx, s.stop = context.WithCancel(ctx)
	free, known := place.Free()
	s.wait.Go(func() {
		bytes, err := restore.Plan(ctx, roots, s)
		if err == nil && known {
			r.warnOfRoom(s, bytes, free)
		}
	})
	return s
}

// warnOfRoom tells when it will not fit. It may fit all the same, where file systems compress, or some of it is there.
func (r *restoring) warnOfRoom(s *restoreShow, bytes, free int64) {
	if bytes > free {
		s.Above(func() {
			r.warning("%s are to be restored, %s are free at %s", term.Bytes(bytes), term.Bytes(free), r.dir)
		})
	}
}

func (s *restoreShow) end() {
	s.stop()
	s.wait.Wait()
	s.End()
}

// restoreJSON is the summary of a restore.
type restoreJSON struct {
	restore.Summary
	Directory string        `json:"directory"`
	As        string        `json:"as,omitempty"`             // the user with whose rights
	Strangers []string      `json:"unknown_owners,omitempty"` // names that nobody has here
	Proof     []notComplete `json:"not_complete,omitempty"`   // snapshots of which not everything was proven
	DryRun    bool          `json:"dry_run,omitempty"`
	Seconds   float64       `json:"seconds"`
	Failures  []failureJSON `json:"failures"` // at most 1000
	Error     string        `json:"error,omitempty"`
	Code      int           `json:"code"`
}

// finish tells people what was done.
func (r *restoring) finish(s restore.Summary, err error) error {
	took := time.Since(r.began)
	if err != nil {
		err = r.ended(err)
	} else if s.Failed > 0 {
		err = &reported{exit.Partial}
		if !s.Any() && !r.rotten {
			err = &reported{exit.Failed}
		}
	} else if len(r.proof) > 0 {
		err = &reported{exit.Partial}
	}
	if r.json {
		out := restoreJSON{Summary: s, Directory: term.Clean(r.dir), As: r.user, Proof: r.proof, Strangers: r.strangers(), DryRun: r.rehearse, Seconds: took.Seconds(), Failures: r.kept, Code: exit.Code(err)}
		if out.Failures == nil {
			out.Failures = []failureJSON{}
		}
		if err != nil && !errors.As(err, new(*reported)) {
			out.Error = err.Error()
		}
		return errors.Join(err, r.printJSON(out))
	}
	r.warnOfStrangers()
	if more := r.said - saidFailures; more > 0 {
		r.warn(fmt.Sprintf("restore: %d more failed", more), "")
	}
	if r.exists {
		r.hint("what is there is left as it is; --overwrite replaces it")
	}
	if s.Failed > 0 && len(r.proof) > 0 && !r.partial {
		r.hint("--partial keeps the beginning of files that cannot be read to their end")
	}
	if err != nil {
		err = &reported{r.exit(err)} // before the summary, which is the last line
	}
	if !r.quiet {
		fmt.Fprintln(r.out, r.text(s, took))
	}
	return err
}

// ended explains why a restore ended early.
func (r *restoring) ended(err error) error {
	const again = "the same command goes on where this one stopped"
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case restore.Full(err):
		return exit.Hinted(fmt.Errorf("restore to %s: no space left", r.dir), "make room; "+again)
	case restore.Unmounted(err):
		return exit.Hinted(fmt.Errorf("restore to %s: the mount went away", r.dir), again)
	}
	switch {
	case errors.As(err, new(*restore.TargetError)):
		err = fmt.Errorf("restore to %s: %w", r.dir, err)
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

// text puts what was done into one line.
func (r *restoring) text(s restore.Summary, took time.Duration) string {
	var b strings.Builder
	done := "restored"
	if r.rehearse {
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
	fmt.Fprintf(&b, "; %s", term.Duration(took))
	return b.String()
}
