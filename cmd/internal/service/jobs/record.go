package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/state"
	"slotfs/indexer/dest"
)

// recorded runs a job and keeps how the run ended, if it is one over all its accounts.
func (y *Sync) recorded(ctx context.Context, j *config.Job) error {
	if y.Account != "" || y.DryRun {
		return y.attempt(ctx, j, func(time.Duration) {})
	}
	began, first := time.Now(), len(y.results)
	waited := time.Duration(0)
	y.runID = fmt.Sprintf("%s-%d-%d", j.Name, began.Unix(), os.Getpid())
	defer func() { y.runID = "" }()
	y.room = dest.Space{}
	var p *pinging
	err := y.attempt(ctx, j, func(d time.Duration) {
		began, waited = time.Now(), d
		p = y.startPing(ctx, j)
	})
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	r := runRecord(j, y.results[first:])
	r.Run, r.Began, r.Ended, r.Seconds, r.Waited = y.runID, began, time.Now(), time.Since(began).Seconds(), waited.Round(time.Second).Seconds()
	r.Free, r.Size = y.room.Bytes, y.room.Size
	r.Fail(err, exit.Code(err))
	Record(y.State, r, y.Warn)
	if p == nil { // its turn did not come
		p = y.startPing(ctx, j)
	}
	p.end(ctx, &r, y.results[first:])
	return err
}

// attempt waits for the job's turn and runs it. began is called with how long it waited.
func (y *Sync) attempt(ctx context.Context, j *config.Job, began func(waited time.Duration)) error {
	store, err := y.Connect(y.Config.Destinations[j.Destination])
	if err != nil {
		return err
	}
	defer store.Close()
	t, err := y.turn(ctx, j, store)
	if err != nil {
		return err
	}
	defer t.end(ctx)
	began(t.waited)
	return y.job(ctx, j, store, t)
}

// runRecord sums up a run.
func runRecord(j *config.Job, results []Result) history.Record {
	r := history.Record{Kind: history.Run, Destination: j.Destination, Job: j.Name, Result: history.Complete}
	accounts, failed := 0, 0
	var warnings []string
	for i := range results {
		a := &results[i]
		r.Files, r.Bytes, r.Sent, r.SentB = r.Files+a.Files, r.Bytes+a.Bytes, r.Sent+a.Uploaded, r.SentB+a.UploadedBytes
		r.Copied, r.Linked, r.Deleted = r.Copied+a.Copied, r.Linked+a.Linked, r.Deleted+a.Deleted
		if a.Account == "" {
			warnings = append(warnings, a.Warning) // of the job itself
			continue
		}
		if a.Forgotten > 0 && a.Error == "" {
			r.Bytes -= a.Bytes // that is no longer there
			continue
		}
		accounts++
		if a.Error != "" {
			failed++
		}
		if a.Error != "" || a.Warning != "" {
			r.Result = history.Partial
		}
	}
	r.Warning = strings.Join(warnings, "; ")
	if r.Warning != "" {
		r.Result = history.Partial
	}
	if failed > 0 && failed == accounts {
		r.Result = history.Failed // why is in the records of the accounts
	}
	return r
}

// remember keeps how the backup of an account ended.
func (y *Sync) remember(r *Result, err error) {
	if r.Account == "" || y.DryRun {
		return
	}
	h := history.Record{Kind: history.Backup, Ended: time.Now(), Seconds: r.Seconds, Job: r.Job, Account: r.Account, Run: y.runID, Slot: r.Slot,
		Files: r.Files, Bytes: r.Bytes, Sent: r.Uploaded, SentB: r.UploadedBytes, Copied: r.Copied, Linked: r.Linked, Deleted: r.Deleted,
		Warning: r.Warning, Result: history.Complete}
	h.Began = h.Ended.Add(-time.Duration(r.Seconds * float64(time.Second)))
	if j := y.Config.Jobs[r.Job]; j != nil {
		h.Destination = j.Destination
	}
	if r.Warning != "" {
		h.Result = history.Partial
	}
	if r.Forgotten > 0 {
		h.Kind, h.Deleted = history.Forget, int64(r.Forgotten)
	}
	h.Fail(err, r.Code)
	Record(y.State, h, y.Warn)
}

// Record adds a record to the history. Without it the backup is as good: what goes wrong is told to warn.
func Record(d state.Dir, r history.Record, warn func(text, hint string)) {
	if err := history.New(d.History()).Add(r); err != nil {
		warn(fmt.Sprintf("%s: not kept in the history: %v", r.Object(), err), "")
	}
}

// measure tells how much room a destination has, where its server tells.
func (y *Sync) measure(ctx context.Context, d dest.StatFS) {
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	room, err := d.Space(ctx, "")
	if err == nil {
		y.room = room
	} else if !errors.Is(err, errors.ErrUnsupported) {
		y.Log.Debug("room on the destination", "error", err)
	}
}

// measureTime bounds what nobody waits for.
const measureTime = 30 * time.Second
