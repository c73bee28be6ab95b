package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
)

// run is a job while it runs.
type run struct {
	*Sync
	job    *config.Job
	store  Store
	until  time.Time // no account begins later; zero: no end
	budget *slot.Budget
	traits func(context.Context) (manifest.Traits, error) // of the destination
	show   Progress

	notifying sync.Mutex // guards what follows; the owner of the index is notified of one account at a time
	pending   []Account  // it was too busy to be notified of

	mu          sync.Mutex // guards what follows
	begun       int        // accounts
	unreachable int        // accounts in a row that did not reach the destination
	lost        error      // why those that are left would fare no better
}

// backUp backs up accounts of the job.
func (w *run) backUp(ctx context.Context, accounts []Account, before LastRun) error {
	defer w.show.End()
	err := w.all(ctx, accounts)
	if errors.Is(err, errWindow) {
		w.done(Result{Job: w.job.Name, Warning: err.Error()}, nil)
		err = nil
	}
	if err != nil {
		return err
	}
	if w.runID != "" {
		w.settleGone(ctx, accounts, before)
		w.measure(ctx, w.store)
	}
	return w.retryNotify(ctx)
}

// all backs up the accounts, some side by side.
func (w *run) all(ctx context.Context, accounts []Account) error {
	earlier, parallel := len(w.results), min(w.job.Parallel, len(accounts))
	if parallel > 1 {
		// Asking once makes one error of what would be one for each of them.
		if _, err := w.store.Stat(ctx, ""); unserved(err) {
			return fmt.Errorf("%d accounts left out: %w", len(accounts), err)
		}
	}
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for a, ok := w.next(ctx, accounts); ok; a, ok = w.next(ctx, accounts) {
				w.learn(w.account(ctx, a))
			}
		})
	}
	workers.Wait()
	w.sort(earlier, accounts)
	if left := len(accounts) - w.begun; w.lost != nil && left > 0 {
		return fmt.Errorf("%s left out: %w", term.Count(int64(left), "account", "accounts"), w.lost)
	}
	return ctx.Err()
}

// next is the account to begin with.
func (w *run) next(ctx context.Context, accounts []Account) (a Account, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil || w.lost != nil || w.begun == len(accounts) {
		return a, false
	}
	if !w.until.IsZero() && !time.Now().Before(w.until) {
		w.lost = errWindow
		return a, false
	}
	a = accounts[w.begun]
	w.begun++
	w.show.Position(w.begun, len(accounts))
	return a, true
}

// learn takes from the end of an account whether those that are left would fare no better.
func (w *run) learn(err error) {
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

// account backs up one account and reports how it ended.
func (w *run) account(ctx context.Context, a Account) error {
	result := Result{Job: w.job.Name, Account: a.Name}
	began := time.Now()
	name := w.job.Name + "/" + a.Name
	w.show.Begin(name)
	summary, err := w.attempt(ctx, a, &result)
	w.show.Finish(name)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	result.take(summary)
	result.Seconds = time.Since(began).Seconds()
	if err != nil {
		err = fmt.Errorf("%s: %w", name, Advised(err))
	}
	w.done(result, err)
	return err
}

// notifyOwner has the owner of the index read what was written. Where there is none, the next pass does.
func (w *run) notifyOwner(ctx context.Context, a Account) {
	w.notifying.Lock()
	defer w.notifying.Unlock()
	q := passes.Request{Destinations: []string{w.job.Destination}, Account: a.Name}
	busy := false
	err := w.Owner.Index(ctx, q, func(e progress.Event) {
		if e.Kind != progress.Finished || e.Error == "" {
			return
		}
		if e.Code == exit.Busy {
			busy = true
			return
		}
		w.Log.Warn("index", "destination", w.job.Destination, "account", a.Name, "error", e.Error)
	})
	if busy {
		w.pending = append(w.pending, a)
		return
	}
	if err != nil && !errors.Is(err, passes.ErrNoOwner) && ctx.Err() == nil {
		w.Log.Warn("the running mount was not told", "account", a.Name, "error", err)
	}
}

// retryNotify notifies the owner of what it was too busy for.
func (w *run) retryNotify(ctx context.Context) error {
	pending := w.pending
	for _, a := range pending {
		w.notifyOwner(ctx, a)
	}
	return ctx.Err()
}
