package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/indexer/engine/slots"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
	"slotfs/sftpdest/slot/source"
)

// attempt does what belongs to an account while its lock is held.
func (w *run) attempt(ctx context.Context, a Account, result *Result) (slot.Summary, error) {
	if a.Err != nil {
		return slot.Summary{}, a.Err
	}
	if w.DryRun {
		return w.plan(ctx, a, result)
	}
	held, err := w.State.LockAccount(w.job.Destination, a.Name)
	if err != nil {
		return slot.Summary{}, err
	}
	defer held.Release()
	staging, err := w.stage(a)
	if err != nil {
		return slot.Summary{}, err
	}
	defer os.RemoveAll(staging)
	var summary slot.Summary
	if err = w.before(ctx, a, staging); err == nil {
		summary, err = w.write(ctx, a, staging, result)
	}
	if afterErr := w.after(ctx, a, staging, summary, err); afterErr != nil {
		result.warn(afterErr.Error())
	}
	if err == nil {
		w.notifyOwner(ctx, a)
	}
	return summary, err
}

// plan tells what would be written. No command runs: an empty directory stands for what it would stage.
func (w *run) plan(ctx context.Context, a Account, result *Result) (slot.Summary, error) {
	empty, err := os.MkdirTemp(string(w.State), "dry-run-")
	if err != nil {
		return slot.Summary{}, w.State.Fault(err)
	}
	defer os.Remove(empty)
	return w.write(ctx, a, empty, result)
}

// stage makes an empty directory for what the command before the backup wants to add to it.
func (w *run) stage(a Account) (string, error) {
	dir := w.State.Staging(w.job.Destination, a.Name)
	if err := os.RemoveAll(dir); err != nil {
		return "", w.State.Fault(err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", w.State.Fault(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", w.State.Fault(err)
	}
	return dir, nil
}

// stagedAs is where staged files stand in a backup whose root is the source.
const stagedAs = ".slotfs-staged"

// open takes hold of the source, and of what was staged for it.
func (w *run) open(a Account, staging string) (*source.Tree, error) {
	j := w.job
	o := source.Options{Exclude: excludes(j), ExcludeFile: j.ExcludeFile, CacheDirs: j.ExcludeCaches, OneFileSystem: j.OneFileSystem,
		NetworkFS: j.NetworkFS, StallTimeout: j.Stall()}
	root := a.Source
	switch staged, err := filled(staging); {
	case err != nil:
		return nil, err
	case j.Prefix != "":
		root, o.Also, o.ExcludeIn = staging, map[string]string{j.Prefix: a.Source}, j.Prefix
	case staged:
		o.Also = map[string]string{stagedAs: staging}
	}
	return source.Open(root, o)
}

// filled reports whether something lies in a directory.
func filled(dir string) (bool, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("staging: %w", err)
	}
	return len(names) > 0, nil
}

// write brings a slot up to date.
func (w *run) write(ctx context.Context, a Account, staging string, result *Result) (slot.Summary, error) {
	tree, err := w.open(a, staging)
	if err != nil {
		return slot.Summary{}, err
	}
	defer tree.Close()
	defer context.AfterFunc(ctx, tree.GiveUp)()
	defer func() {
		if err := tree.Ignored(); err != nil {
			w.Log.Warn("exclude patterns", "job", w.job.Name, "account", a.Name, "error", err)
		}
		if all := tree.Skipped(); len(all) > 0 {
			result.warn("left out, because others answer for what is mounted there: " + strings.Join(all, ", ") +
				"; exclude it, or set include-network-filesystems")
		}
	}()
	j := w.job
	return slot.Run(ctx, w.store, tree, slot.Options{
		Job: j.Name, Account: a.Name, Directory: Directory(j, a.Name), Siblings: w.siblings(a.Name), Policy: j.Policy, Mode: manifest.Mode(j.Mode),
		Fill: slot.Fill(j.Fill), AllowMassChange: w.AllowMassChange, DryRun: w.DryRun, Lanes: j.Concurrency,
		Budget: w.budget, Traits: w.traits, Host: w.host, Machine: w.machine, Adopt: w.Adopt, Tool: w.Tool, Now: time.Now,
		Keep: slots.New().Keeps,
		Log:  w.Log.With("job", j.Name, "account", a.Name), Progress: w.show,
	})
}

// siblings are the directories of an account in the other jobs that write to the destination.
func (w *run) siblings(account string) (dirs []string) {
	for _, name := range w.Config.UsedBy(w.job.Destination) {
		if name != w.job.Name {
			dirs = append(dirs, Directory(w.Config.Jobs[name], account))
		}
	}
	return dirs
}

// Directory is where the slots of an account lie, below the destination's directory.
func Directory(j *config.Job, account string) string { return j.Name + "/" + account }

// Advised adds what people can do.
func Advised(err error) error {
	switch {
	case errors.Is(err, slot.ErrMassChange):
		return exit.Hinted(err, "look at the source; if that is as it should be: slotfs sync --allow-mass-change")
	case errors.Is(err, source.ErrStalled):
		return exit.Hinted(err, "look at what is mounted in the source; the job's stall-timeout says how long to wait")
	case errors.Is(err, slot.ErrFull):
		return exit.Hinted(err, "make room or raise the quota, or keep fewer backups (retention); the next run goes on where this one stopped")
	case errors.Is(err, slot.ErrForeign):
		return exit.With(err, exit.Busy, "give each machine a directory or a job name of its own; after a move, a rebuild or a new host name: --adopt")
	case errors.Is(err, slot.ErrBusy) && exit.Code(err) != exit.Busy:
		return exit.With(err, exit.Busy, "")
	}
	return err
}
