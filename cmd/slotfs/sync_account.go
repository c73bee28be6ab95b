package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/hooks"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/passes"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine/slots"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
	"slotfs/sftpdest/slot/source"
)

// jobRun is a job while it runs.
type jobRun struct {
	*syncing
	job    *config.Job
	store  dest.ReadWriter
	budget *slot.Budget
	traits func(context.Context) (manifest.Traits, error) // of the destination
	show   *progress.Transfer

	telling sync.Mutex // the owner of the index hears one at a time
	untold  []account  // what it was too busy to hear; guarded by telling

	mu          sync.Mutex // guards what follows
	begun       int        // accounts
	unreachable int        // accounts in a row that did not reach the destination
	lost        error      // why those that are left would fare no better
}

// all backs up the accounts, some side by side.
func (w *jobRun) all(ctx context.Context, accounts []account) error {
	earlier, parallel := len(w.results), min(w.job.Parallel, len(accounts))
	if parallel > 1 {
		// Asking once makes one error of what would be one for each of them.
		if _, err := w.store.Stat(ctx, ""); unserved(err) {
			return fmt.Errorf("%d accounts left out: %w", len(accounts), err)
		}
	}
	var lanes sync.WaitGroup
	for range parallel {
		lanes.Go(func() {
			for a, ok := w.next(ctx, accounts); ok; a, ok = w.next(ctx, accounts) {
				w.learn(w.run(ctx, a))
			}
		})
	}
	lanes.Wait()
	place := make(map[string]int, len(accounts))
	for i, a := range accounts {
		place[a.name] = i
	}
	slices.SortStableFunc(w.results[earlier:], func(a, b syncResult) int { return place[a.Account] - place[b.Account] })
	if left := len(accounts) - w.begun; w.lost != nil && left > 0 {
		return fmt.Errorf("%d accounts left out: %w", left, w.lost)
	}
	return ctx.Err()
}

// next is the account to begin with.
func (w *jobRun) next(ctx context.Context, accounts []account) (a account, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil || w.lost != nil || w.begun == len(accounts) {
		return a, false
	}
	a = accounts[w.begun]
	w.begun++
	w.show.Position(w.begun, len(accounts))
	return a, true
}

// learn takes from the end of an account whether those that are left would fare no better.
func (w *jobRun) learn(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !errors.Is(err, dest.ErrUnreachable) {
		w.unreachable = 0
	} else {
		w.unreachable++
	}
	if unserved(err) && w.unreachable != 1 {
		w.lost = err
	}
}

// unserved reports whether the server is not there for anybody.
func unserved(err error) bool {
	return errors.Is(err, dest.ErrUnreachable) || errors.Is(err, dest.ErrAuth)
}

// run backs up one account and reports how it ended.
func (w *jobRun) run(ctx context.Context, a account) error {
	result := syncResult{Job: w.job.Name, Account: a.name}
	began := time.Now()
	name := w.job.Name + "/" + a.name
	w.show.Begin(name)
	summary, err := w.attempt(ctx, a, &result)
	w.show.Finish(name)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	result.take(summary)
	result.Seconds = time.Since(began).Seconds()
	if err != nil {
		err = fmt.Errorf("%s: %w", name, advised(err))
	}
	w.show.Above(func() { w.done(result, err) })
	return err
}

// attempt does what belongs to an account while its lock is held.
func (w *jobRun) attempt(ctx context.Context, a account, result *syncResult) (slot.Summary, error) {
	if a.err != nil {
		return slot.Summary{}, a.err
	}
	if w.dryRun {
		return w.rehearse(ctx, a, result)
	}
	held, err := w.State.LockAccount(w.job.Destination, a.name)
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
		w.tell(ctx, a)
	}
	return summary, err
}

// rehearse tells what would be written. No command runs: an empty directory stands for what it would stage.
func (w *jobRun) rehearse(ctx context.Context, a account, result *syncResult) (slot.Summary, error) {
	empty, err := os.MkdirTemp(string(w.State), "dry-run-")
	if err != nil {
		return slot.Summary{}, w.State.Fault(err)
	}
	defer os.Remove(empty)
	return w.write(ctx, a, empty, result)
}

// stage makes an empty directory for what the command before the backup wants to add to it.
func (w *jobRun) stage(a account) (string, error) {
	dir := w.State.Staging(w.job.Destination, a.name)
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
func (w *jobRun) open(a account, staging string) (*source.Tree, error) {
	j := w.job
	o := source.Options{Exclude: excludes(j), ExcludeFile: j.ExcludeFile, CacheDirs: j.ExcludeCaches, OneFileSystem: j.OneFileSystem,
		NetworkFS: j.NetworkFS, StallTimeout: j.Stall()}
	root := a.source
	switch staged, err := filled(staging); {
	case err != nil:
		return nil, err
	case j.Prefix != "":
		root, o.Also, o.ExcludeIn = staging, map[string]string{j.Prefix: a.source}, j.Prefix
	case staged:
		o.Also = map[string]string{stagedAs: staging}
	}
	return source.Open(root, o)
}

// filled reports whether something lies in a folder.
func filled(dir string) (bool, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("staging: %w", err)
	}
	return len(names) > 0, nil
}

// write brings a slot up to date.
func (w *jobRun) write(ctx context.Context, a account, staging string, result *syncResult) (slot.Summary, error) {
	tree, err := w.open(a, staging)
	if err != nil {
		return slot.Summary{}, err
	}
	defer tree.Close()
	defer context.AfterFunc(ctx, tree.GiveUp)()
	defer func() {
		if all := tree.Skipped(); len(all) > 0 {
			result.warn("left out, because others answer for what is mounted there: " + strings.Join(all, ", ") +
				"; exclude it, or set include-network-filesystems")
		}
	}()
	j := w.job
	return slot.Run(ctx, w.store, tree, slot.Options{
		Job: j.Name, Account: a.name, Folder: folderOf(j, a.name), Retention: j.Retention, Mode: manifest.Mode(j.Mode),
		Fill: slot.Fill(j.Fill), AllowMassChange: w.allowMassChange, DryRun: w.dryRun, Lanes: j.Concurrency,
		Budget: w.budget, Traits: w.traits, Host: w.host, Machine: w.machine, Adopt: w.adopt, Tool: "slotfs " + version, Now: time.Now,
		Keep: slots.New().Keeps,
		Log:  w.Log.With("job", j.Name, "account", a.name), Progress: w.show,
	})
}

// folderOf is where the slots of an account lie, below the destination's directory.
func folderOf(j *config.Job, account string) string { return j.Name + "/" + account }

// before runs the command that stands before the backup. Without it there is no backup.
func (w *jobRun) before(ctx context.Context, a account, staging string) error {
	if w.job.Before == "" {
		return nil
	}
	if err := w.hook("before", w.job.Before, w.environment(a, staging)).Run(ctx); err != nil {
		return fmt.Errorf("command before: %w", err)
	}
	return nil
}

// lastCommand is how long the command after a backup may take when the run was interrupted.
const lastCommand = time.Minute

// after runs the command that stands after the backup, and tells it how that ended.
func (w *jobRun) after(ctx context.Context, a account, staging string, summary slot.Summary, err error) error {
	if w.job.After == "" {
		return nil
	}
	env := w.environment(a, staging)
	env["SLOTFS_RESULT"] = "complete"
	if err == nil {
		env["SLOTFS_SLOT"] = strconv.Itoa(summary.Slot)
	} else {
		env["SLOTFS_RESULT"] = "failed"
	}
	if ctx.Err() != nil {
		env["SLOTFS_RESULT"] = "interrupted"
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastCommand)
		defer cancel()
	}
	if err := w.hook("after", w.job.After, env).Run(ctx); err != nil {
		return fmt.Errorf("command after: %w", err)
	}
	return nil
}

func (w *jobRun) environment(a account, staging string) map[string]string {
	return map[string]string{"SLOTFS_JOB": w.job.Name, "SLOTFS_ACCOUNT": a.name, "SLOTFS_SOURCE": a.source, "SLOTFS_STAGING": staging}
}

// hook is a command whose output people see, unless they want quiet.
func (w *jobRun) hook(when, text string, env map[string]string) *hooks.Hook {
	h := &hooks.Hook{Text: text, Env: env}
	if !w.quiet && !w.json {
		prefix := fmt.Sprintf("%s/%s: %s: ", w.job.Name, env["SLOTFS_ACCOUNT"], when)
		h.Say = func(line string) { w.show.Line(prefix + line) }
	}
	return h
}

// tell lets the owner of the index read what was written. Where there is none, the next pass does.
func (w *jobRun) tell(ctx context.Context, a account) {
	w.telling.Lock()
	defer w.telling.Unlock()
	q := passes.Request{Destinations: []string{w.job.Destination}, Account: a.name}
	busy := false
	err := w.Owner().Index(ctx, q, func(e progress.Event) {
		if e.Kind != progress.Finished || e.Error == "" {
			return
		}
		if e.Code == exit.Busy {
			busy = true
			return
		}
		w.Log.Warn("index", "destination", w.job.Destination, "account", a.name, "error", e.Error)
	})
	if busy {
		w.untold = append(w.untold, a)
		return
	}
	if err != nil && !errors.Is(err, api.ErrNoOwner) && ctx.Err() == nil {
		w.Log.Warn("the running mount was not told", "account", a.name, "error", err)
	}
}

// tellAgain tells the owner what it was too busy to hear.
func (w *jobRun) tellAgain(ctx context.Context) error {
	untold := w.untold
	for _, a := range untold {
		w.tell(ctx, a)
	}
	return ctx.Err()
}

// advised adds what people can do.
func advised(err error) error {
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
