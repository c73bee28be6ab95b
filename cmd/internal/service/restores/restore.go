// Package restores knows what a restore consists of: what its paths mean, whose the files become, what was not proven of them, with
// whose rights they are written, and what became of all that. It must not know how files are written, nor flags and the terminal.
package restores

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/fs/restore"
	"slotfs/fs/restore/asuser"
	"slotfs/indexer/backup"
)

// Request says what to restore, where to, and how.
type Request struct {
	// Paths are as in the mount. One that ends with a slash stands for what is in the directory.
	Paths []string `json:"paths"`
	// Directory is absolute. A single file may get a name of its own there, unless it ends with a slash.
	Directory          string   `json:"directory"`
	Overwrite          bool     `json:"overwrite,omitempty"` // replace files that differ
	Partial            bool     `json:"partial,omitempty"`   // keep the beginning of files that cannot be read to their end
	Maildir            bool     `json:"maildir,omitempty"`   // merge mailboxes
	DryRun             bool     `json:"dry_run,omitempty"`
	NumericOwner       bool     `json:"numeric_owner,omitempty"`
	MapOwners          []string `json:"map_owners,omitempty"` // OLD:NEW: who is who here
	As                 string   `json:"as,omitempty"`         // with whose rights; "": the user in whose home Directory lies, else those of this process
	SecurityAttributes []string `json:"security_attributes,omitempty"`
}

// Check refuses what cannot be asked for.
func (q *Request) Check() error {
	for _, name := range q.SecurityAttributes {
		if !strings.HasPrefix(name, "security.") || name == "security.capability" {
			return exit.Usagef("security attribute %s: no attribute that can be asked for", name)
		}
	}
	switch {
	case len(q.MapOwners) > 0 && q.NumericOwner:
		return exit.Usagef("--map-owner: not with --numeric-owner")
	case len(q.Paths) == 0:
		return exit.Usagef("restore: no path is given")
	case !filepath.IsAbs(q.Directory):
		return exit.Usagef("restore to %q: not an absolute path", q.Directory)
	}
	return nil
}

// Observer hears how a restore gets on. Each of its functions may be nil.
type Observer struct {
	// Progress hears of files and bytes; what there is to do is counted beside doing it.
	Progress restore.Progress
	// Begin is called once everything is found and nothing is written: the report has what was not proven, and where to.
	Begin func(*Report)
	// Failed hears what was not restored, and why. One at a time.
	Failed func(Failure)
	// Short hears that more is to be restored than there is room for. It may fit all the same, where file systems compress, or some of
	// it is there.
	Short func(needed, free int64)
}

// Restore is one restore.
type Restore struct {
	Observer
	// Stderr gets what the process that writes with the rights of a user says when it breaks.
	Stderr io.Writer

	request Request
	from    shown
	owners  *ownerMap
	report  *Report
	began   time.Time
}

// New prepares to restore from what a tree shows.
func New(t browse.Tree, q Request) *Restore {
	owners := newOwnerMap(q.NumericOwner)
	return &Restore{request: q, from: shown{t, owners, "restore"}, owners: owners, report: &Report{DryRun: q.DryRun, Failures: []Failure{}}, began: time.Now()}
}

// Look reports whether a path is there: a link at its end is.
func Look(ctx context.Context, t browse.Tree, p string) error {
	_, err := shown{t, newOwnerMap(true), "restore"}.find(ctx, p)
	return err
}

// Run restores. Where it ended before anything could be written there is an error and no report; else the report has how it ended, the
// error too if there is one.
func (r *Restore) Run(ctx context.Context) (*Report, error) {
	if len(r.request.MapOwners) > 0 {
		if err := r.owners.mapOwners(r.request.MapOwners); err != nil {
			return nil, err
		}
	}
	roots, err := r.find(ctx)
	if err != nil {
		return nil, err
	}
	if r.report.Proof, err = r.from.NotComplete(ctx, roots); err != nil {
		return nil, err
	}
	target := r.request.target(roots)
	id, err := r.identity(target.Path)
	if err != nil {
		return nil, err
	}
	r.report.Directory = strings.TrimSuffix(target.Path, "/")
	window, files := r.from.window(&roots[0].Entry)
	q := &r.request
	o := restore.Options{Overwrite: q.Overwrite, Rehearse: q.DryRun, Partial: q.Partial, Maildir: q.Maildir, Window: window, Workers: files,
		Security: q.SecurityAttributes, Progress: r.Progress, Failed: r.failed}
	if id != nil {
		return r.runAs(ctx, &asuser.Host{Identity: *id, Destination: target, Roots: roots, Options: o})
	}
	if o.Place, err = restore.Locate(target); err != nil {
		return nil, explainPlace(q.Directory, err)
	}
	r.report.Directory = o.Place.Dir
	stop := r.begin(ctx, roots, o.Place)
	summary, err := restore.Run(ctx, roots, o)
	stop()
	return r.finish(summary, err)
}

// runAs is Run with the rights of a user.
func (r *Restore) runAs(ctx context.Context, h *asuser.Host) (*Report, error) {
	r.report.As = h.Identity.Name
	stop := r.begin(ctx, h.Roots, nil)
	summary, placed, err := Serve(ctx, h, r.Stderr)
	stop()
	if !placed {
		return nil, explainPlace(r.report.Directory, err)
	}
	return r.finish(summary, err)
}

// find finds what is to be restored.
func (r *Restore) find(ctx context.Context) ([]restore.Root, error) {
	var roots []restore.Root
	taken := map[string]string{}
	for _, p := range r.request.Paths {
		clean := strings.TrimPrefix(path.Clean("/"+p), "/")
		e, err := r.from.find(ctx, clean)
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

// begin tells that it begins, and counts what there is to do until stop is called.
func (r *Restore) begin(ctx context.Context, roots []restore.Root, place *restore.Place) (stop func()) {
	if r.Begin != nil {
		r.Begin(r.report)
	}
	if r.Progress == nil || r.request.DryRun {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	free, known := place.Free()
	done := make(chan struct{})
	go func() {
		defer close(done)
		bytes, err := restore.Plan(ctx, roots, r.Progress)
		if err == nil && known && bytes > free && r.Short != nil {
			r.Short(bytes, free)
		}
	}()
	return func() {
		cancel()
		<-done
	}
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
