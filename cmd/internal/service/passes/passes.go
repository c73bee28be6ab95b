// Package passes runs passes, one at a time for each destination, and remembers how each one ended. It must not
// know who asked for a pass, and it prints nothing.
package passes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/history"
	"slotfs/indexer"
	"slotfs/indexer/concern"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
)

// ErrRunning says that a pass over the destination is running already.
var ErrRunning = errors.New("a pass is running already")

// ErrNoOwner says that no process has the index, whom one could ask for a pass.
var ErrNoOwner = errors.New("no other slotfs has the index")

// Targets gives what a pass is made over.
type Targets interface {
	// Target is a destination and its engine. It does not wait for the network; the destination stays open.
	Target(name string) (dest.Destination, engine.Engine, error)
}

// Recorder keeps records.
type Recorder interface {
	Add(history.Record) error
}

// Request says what to index.
type Request struct {
	Destinations []string `json:"destinations"`
	Account      string   `json:"account,omitempty"`
	Full         bool     `json:"full,omitempty"`
}

// Runner runs passes.
type Runner struct {
	Index   indexer.Index
	Targets Targets
	Dir     string // where records are kept
	Log     *slog.Logger
	Now     func() time.Time
	History Recorder // keeps how each pass ended; may be nil
	// Changed, if set, is called when snapshots were committed or forgotten. It must not wait.
	Changed func()
	// Limits say when a backup is poorer than the one before; nil: the default.
	Limits func() concern.Limits

	memory indexer.Memory // of all passes

	mu sync.Mutex
	// mu guards what follows.
	running map[string]*underway
}

// underway is a pass and how it ends.
type underway struct {
	Running
	ctx   context.Context
	done  chan struct{} // closed at the end
	began time.Time     // by the clock that nobody sets
	bytes int64         // to be read
}

// Running is a pass that is under way.
type Running struct {
	Began time.Time `json:"began"`
	Last  string    `json:"last,omitempty"` // the backup that came last
}

// Run makes a pass over each destination of the request, one after the other, and tells emit about them; calls of
// emit do not overlap. How each one ended is in its Finished event. The error is ctx's, or nil.
func (r *Runner) Run(ctx context.Context, q Request, emit func(progress.Event)) error {
	for _, name := range q.Destinations {
		if ctx.Err() != nil {
			break
		}
		emit(progress.Event{Kind: progress.Started, Destination: name})
		summary, err := r.one(ctx, name, q, emit)
		emit(finished(name, summary, err))
	}
	return ctx.Err()
}

// one makes one pass and records how it ended.
func (r *Runner) one(ctx context.Context, name string, q Request, emit func(progress.Event)) (s indexer.Summary, err error) {
	if err := r.begin(ctx, name); err != nil {
		return s, fmt.Errorf("index %s: %w", name, err)
	}
	defer r.end(name)
	record := Record{Destination: name, Began: r.Now(), Account: q.Account, Full: q.Full}
	s, err = r.pass(ctx, name, q, emit)
	record.Ended = r.Now()
	record.Summary = progress.SummaryOf(s)
	if err != nil {
		record.Error, record.Code = err.Error(), exit.Code(err)
		if record.Code == exit.Interrupted {
			record.Error = "interrupted" // what was waited for at that moment says nothing
		}
	}
	r.Log.Info("pass", "destination", name, "found", s.Found, "read", s.Read, "unchanged", s.Unchanged,
		"failed", s.Failed, "gone", s.Gone, "error", err)
	if saveErr := errors.Join(record.save(r.Dir), r.remember(&record, s.Concerns, err)); saveErr != nil {
		r.Log.Warn("record of the pass not kept", "destination", name, "error", saveErr)
	}
	r.changed()
	return s, err
}

func (r *Runner) pass(ctx context.Context, name string, q Request, emit func(progress.Event)) (s indexer.Summary, err error) {
	d, e, err := r.Targets.Target(name)
	if err != nil {
		return s, fmt.Errorf("index %s: %w", name, err)
	}
	// What is foreign is contained where it is handled; whatever else goes wrong ends this pass, not the mount beside it.
	defer func() {
		if stack := contain.Stack(err); stack != "" {
			r.Log.Error("pass panicked", "destination", name, "error", err, "stack", stack)
			err = fmt.Errorf("index %s: %w", name, err)
		}
	}()
	defer contain.Recover(&err)
	feed := progress.NewFeed(name, r.Now, func(ev progress.Event) {
		r.saw(name, ev)
		emit(ev)
	})
	err = watch(ctx, name, stallLimit, feed, func(ctx context.Context, p indexer.Progress) (err error) {
		s, err = indexer.Pass(ctx, d, e, r.Index, indexer.Options{
			Destination: name, Account: q.Account, Full: q.Full, Log: r.Log, Now: r.Now, Memory: &r.memory, Progress: p,
			Limits: r.limits(),
		})
		return err
	})
	return s, err
}

func (r *Runner) limits() concern.Limits {
	if r.Limits == nil {
		return concern.DefaultLimits
	}
	return r.Limits()
}

// saw keeps what Running tells, and lets the mount show what was committed.
func (r *Runner) saw(name string, e progress.Event) {
	if e.Kind == progress.Planned {
		r.planned(name, e.Bytes)
	}
	if e.Source == nil {
		return
	}
	r.mu.Lock()
	if p := r.running[name]; p != nil {
		p.Last = e.Source.Name
	}
	r.mu.Unlock()
	if e.Kind == progress.Ended {
		r.changed()
	}
}

func (r *Runner) changed() {
	if r.Changed != nil {
		r.Changed()
	}
}

// begin enters a pass. One that was cancelled already is waited for: who interrupts a pass may begin another at once.
func (r *Runner) begin(ctx context.Context, name string) error {
	for {
		before := r.enter(ctx, name)
		if before == nil {
			return nil
		}
		if before.ctx.Err() == nil {
			return exit.With(ErrRunning, exit.Busy, "`slotfs status` shows it")
		}
		select {
		case <-before.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// enter notes a pass, or gives the one that is under way.
func (r *Runner) enter(ctx context.Context, name string) *underway {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.running[name]; before != nil {
		return before
	}
	if r.running == nil {
		r.running = map[string]*underway{}
	}
	r.running[name] = &underway{Running: Running{Began: r.Now()}, ctx: ctx, done: make(chan struct{}), began: time.Now()}
	return nil
}

func (r *Runner) end(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.running[name].done)
	delete(r.running, name)
}

// Passes is how many passes are under way.
func (r *Runner) Passes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running)
}

// Running tells about the pass over a destination that is under way, or nil.
func (r *Runner) Running(name string) *Running {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.running[name]
	if p == nil {
		return nil
	}
	out := p.Running
	return &out
}

func finished(name string, s indexer.Summary, err error) progress.Event {
	e := progress.Event{Kind: progress.Finished, Destination: name, Summary: progress.SummaryOf(s)}
	if err != nil {
		e.Error, e.Hint, e.Code = err.Error(), exit.Hint(err), exit.Code(err)
	}
	return e
}
