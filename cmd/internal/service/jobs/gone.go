package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/service/gone"
	"slotfs/indexer/backup"
	"slotfs/sftpdest/slot"
)

// settleGone notes which accounts this run did not find, and removes the backups of those that have been gone for the job's gone-after.
// The backups of this run are as good whatever goes wrong with that.
func (w *run) settleGone(ctx context.Context, accounts []Account, before LastRun) {
	record, err := gone.Load(w.State, w.job)
	if err == nil {
		var due []string
		if due, err = w.updateGone(ctx, record, accounts, before); err == nil {
			err = record.Save(w.State, w.job) // also what is done is known if the removal is interrupted
		}
		for _, name := range due {
			if err != nil || ctx.Err() != nil {
				break
			}
			w.forget(ctx, record, name)
			err = record.Save(w.State, w.job)
		}
	}
	switch {
	case err == nil || ctx.Err() != nil:
	case len(accounts) > 0 && unserved(err): // the accounts that were to be backed up told of it
		w.Log.Info("accounts that are gone", "job", w.job.Name, "error", err)
	default:
		w.Warn(fmt.Sprintf("job %s: accounts that are gone: %v", w.job.Name, err), "")
	}
}

// updateGone enters this run.
func (w *run) updateGone(ctx context.Context, record *gone.Record, accounts []Account, before LastRun) ([]string, error) {
	look := &gone.Look{Found: map[string]gone.Place{}, Before: map[string]gone.Place{}, Sources: w.job.Source, FileSystem: w.fileSystem,
		Now: time.Now(), After: w.job.GoneAfter}
	for _, a := range accounts {
		look.Found[a.Name] = gone.Place{Source: a.Source, From: a.From}
	}
	for name, a := range before {
		look.Before[name] = gone.Place{Source: a.Source, From: a.From}
	}
	infos, err := w.store.List(ctx, w.job.Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, i := range infos {
		if i.Mode&backup.ModeType == backup.ModeDir {
			look.Stored = append(look.Stored, i.Name)
		}
	}
	if w.job.GoneAfter > 0 && len(infos) > 0 {
		if look.Remote, err = slot.ServerTime(ctx, w.store, w.job.Name); err != nil {
			return nil, err
		}
	}
	return record.Update(look), nil
}

// fileSystem is the id of the one that a directory is on; empty if it has none or does not answer in time.
func (w *run) fileSystem(directory string) string {
	answer := make(chan string, 1)
	go func() {
		var s unix.Statfs_t
		if err := unix.Statfs(directory, &s); err != nil || s.Fsid == (unix.Fsid{}) {
			answer <- ""
			return
		}
		answer <- fmt.Sprintf("%x-%x-%x", s.Type, s.Fsid.Val[0], s.Fsid.Val[1])
	}()
	select {
	case id := <-answer:
		return id
	case <-time.After(w.job.Stall()):
		return ""
	}
}

// forget removes the backups of an account. What is pinned, or another machine's, stays.
func (w *run) forget(ctx context.Context, record *gone.Record, name string) {
	absence := record.Accounts[name]
	result := Result{Job: w.job.Name, Account: name}
	began := time.Now()
	held, err := w.State.LockAccount(w.job.Destination, name)
	if err != nil {
		w.Log.Info("account that is gone", "account", name, "error", err)
		return
	}
	defer held.Release()
	slots, err := slot.Forget(ctx, w.store, Directory(w.job, name), slot.Owner{Machine: w.machine})
	if errors.Is(err, slot.ErrPinned) || errors.Is(err, slot.ErrForeign) {
		absence.Kept = err.Error()
		return
	}
	result.Seconds = time.Since(began).Seconds()
	result.Forgotten, result.Bytes = len(slots), slot.Room(slots)
	if err != nil {
		w.done(result, fmt.Errorf("%s: remove the backups of an account that is gone: %w", result.Subject(), Advised(err)))
		return
	}
	delete(record.Accounts, name)
	if len(slots) > 0 {
		w.done(result, nil)
		w.notifyOwner(ctx, Account{Name: name})
	}
}
