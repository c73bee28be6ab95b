// Package scrubs has backups read again and compared with the index, once at a time for each destination: when somebody asks, and a
// share each day. It must not know how they are read, and it prints nothing.
package scrubs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/history"
	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/scrub"
)

// ErrRunning says that backups of the destination are being read again already.
var ErrRunning = errors.New("it is being verified already")

// ErrNothing says that there is no backup that could be compared.
var ErrNothing = errors.New("no backup to compare")

// Request says what to verify.
type Request struct {
	Destination string  `json:"destination"`
	Account     string  `json:"account,omitempty"`
	Share       float64 `json:"share"`          // of the bytes
	Rate        int64   `json:"rate,omitempty"` // bytes per second; 0: no limit
}

// Event is what is told of a verification. One of its pointers is set.
type Event struct {
	Progress   *Progress         `json:"progress,omitempty"`
	Difference *scrub.Difference `json:"difference,omitempty"`
	Skipped    *Skipped          `json:"skipped,omitempty"`
	Finished   *Finished         `json:"finished,omitempty"`
}

// Progress tells how much was read.
type Progress struct {
	Source string `json:"source"` // what is being read
	Done   int64  `json:"done"`
	Total  int64  `json:"total"`
}

// Skipped is a backup that could not be compared.
type Skipped struct {
	Source string `json:"source"`
	Reason string `json:"reason"`
}

// Finished tells how a verification ended.
type Finished struct {
	scrub.Summary
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Code  int    `json:"code,omitempty"`
}

// Targets gives what is read.
type Targets interface {
	Target(name string) (dest.Destination, engine.Engine, error)
}

// Recorder keeps records.
type Recorder interface {
	Add(history.Record) error
}

// Runner verifies destinations.
type Runner struct {
	Index   scrub.Index
	Targets Targets
	Log     *slog.Logger
	Now     func() time.Time
	History Recorder
	// Changed is called when something was found. It must not wait.
	Changed func()

	mu sync.Mutex
	// mu guards what follows.
	running map[string]bool
}

// Run verifies one destination. How it ended is in the Finished event; the error is ctx's, or nil.
func (r *Runner) Run(ctx context.Context, q Request, emit func(Event)) error {
	return r.run(ctx, q, false, emit)
}

func (r *Runner) run(ctx context.Context, q Request, daily bool, emit func(Event)) error {
	summary, err := r.one(ctx, q, daily, emit)
	f := &Finished{Summary: summary}
	if err != nil {
		f.Error, f.Hint, f.Code = err.Error(), exit.Hint(err), exit.Code(err)
	}
	emit(Event{Finished: f})
	return ctx.Err()
}

// one verifies a destination and records how that ended.
func (r *Runner) one(ctx context.Context, q Request, daily bool, emit func(Event)) (s scrub.Summary, err error) {
	if !r.begin(q.Destination) {
		return s, exit.With(fmt.Errorf("verify %s: %w", q.Destination, ErrRunning), exit.Busy, "`slotfs history "+q.Destination+"` tells when it has ended")
	}
	defer r.end(q.Destination)
	d, _, err := r.Targets.Target(q.Destination)
	if err != nil {
		return s, fmt.Errorf("verify %s: %w", q.Destination, err)
	}
	record := history.Record{Kind: history.Verify, Began: r.Now(), Destination: q.Destination, Result: history.Complete, Daily: daily}
	clock := time.Now()
	err = contain.Do(func() (err error) {
		s, err = scrub.Run(ctx, d, r.Index, scrub.Options{Destination: q.Destination, Account: q.Account, Share: q.Share, Rate: q.Rate,
			Log: r.Log, Now: r.Now, Progress: &teller{emit: emit, now: time.Now}})
		return err
	})
	if err == nil && s.Backups == 0 {
		err = exit.With(fmt.Errorf("verify %s: %w", q.Destination, ErrNothing), exit.Failed, "`slotfs index "+q.Destination+"` finds backups")
	}
	record.Ended, record.Seconds = r.Now(), time.Since(clock).Seconds()
	r.Log.Info("verified", "destination", q.Destination, "read", s.Read, "verified", s.Verified, "differences", s.Differences, "skipped", s.Skipped, "error", err)
	if saveErr := r.remember(context.WithoutCancel(ctx), record, &s, err); saveErr != nil {
		r.Log.Warn("verification not kept in the history", "destination", q.Destination, "error", saveErr)
	}
	if r.Changed != nil {
		r.Changed()
	}
	return s, err
}

// namedDifferences is of how many backups a record says what differs.
const namedDifferences = 3

// remember adds how a verification ended to the history, with all differences that are known.
func (r *Runner) remember(ctx context.Context, h history.Record, s *scrub.Summary, err error) error {
	all, listErr := r.Index.Snapshots(ctx, h.Destination)
	if listErr != nil {
		return listErr
	}
	var texts []string
	backups := 0
	for _, b := range all {
		if b.Verified.Differences == 0 {
			continue
		}
		h.Differences += int(b.Verified.Differences)
		backups++
		if backups <= namedDifferences && len(b.Verified.First) > 0 {
			texts = append(texts, b.Key()+": "+b.Verified.First[0])
		}
	}
	if backups > namedDifferences {
		texts = append(texts, fmt.Sprintf("and %d more backups", backups-namedDifferences))
	}
	if s.Skipped > 0 {
		texts = append(texts, fmt.Sprintf("%d could not be compared", s.Skipped))
	}
	h.Found, h.Read, h.Bytes = s.Backups, s.Verified+s.Noted, s.Read
	if len(texts) > 0 {
		h.Result, h.Warning = history.Partial, strings.ToValidUTF8(strings.Join(texts, "; "), "?")
	}
	h.Fail(err, exit.Code(err))
	return r.History.Add(h)
}

func (r *Runner) begin(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[name] {
		return false
	}
	if r.running == nil {
		r.running = map[string]bool{}
	}
	r.running[name] = true
	return true
}

func (r *Runner) end(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, name)
}

// tellEvery is how often it is told how much was read.
const tellEvery = time.Second

// teller makes events of what a scrub tells.
type teller struct {
	emit func(Event)
	now  func() time.Time
	told time.Time
}

var _ scrub.Progress = (*teller)(nil)

func (t *teller) Read(s *backup.Snapshot, done, total int64) {
	if now := t.now(); now.Sub(t.told) >= tellEvery {
		t.told = now
		t.emit(Event{Progress: &Progress{Source: s.Key(), Done: done, Total: total}})
	}
}

func (t *teller) Differs(d scrub.Difference) { t.emit(Event{Difference: &d}) }

func (t *teller) Skipped(s *backup.Snapshot, reason string) {
	t.emit(Event{Skipped: &Skipped{Source: s.Key(), Reason: reason}})
}
