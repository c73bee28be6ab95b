// Package jobs knows how jobs are run: which accounts their sources stand for, what belongs to the backup of each, and the slots
// that they have. It must not know flags or the terminal, nor how a slot is written.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/state"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot"
)

// Store is an open destination that slots are written to.
type Store interface {
	dest.ReadWriter
	dest.StatFS
	Close() error
}

// Progress is told how the accounts of a job get on.
type Progress interface {
	slot.Progress
	Accounts
	End() // of the job
}

// Indexer makes passes; passes.ErrNoOwner says that no process does.
type Indexer interface {
	Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error
}

// Accounts is told which account is backed up.
type Accounts interface {
	Position(index, of int) // of the account that begins next
	Begin(account string)
	Finish(account string)
}

// Sync backs up the accounts of jobs, one job after the other.
type Sync struct {
	State   state.Dir
	Log     *slog.Logger
	Config  *config.Config
	Connect func(*config.Destination) (Store, error) // connects with its first use
	Owner   Indexer                                  // is told what was written

	Account         string // only this one
	DryRun          bool
	AllowMassChange bool
	Adopt           bool   // slots of another machine too
	Now             bool   // wait neither for the destination's window nor for other runs
	Tool            string // what the states of slots are told to be written by

	Progress func() Progress // of a job
	// Done is called with how each account ended, one at a time. What its Account is empty for is about the job.
	Done func(Result)
	// Warn is told what is not as it should be beside the backups. hint may be empty.
	Warn func(text, hint string)
	// Waiting is told what a job waits for before it begins.
	Waiting func(text string)
	// Output, if set, is called with what the commands before and after print, line by line.
	Output func(p Progress, line string)

	host, machine string
	runID         string     // of the run over all accounts of a job that goes on
	room          dest.Space // on its destination; 0: not known
	mu            sync.Mutex // guards what follows
	results       []Result
}

// Run runs the jobs and tells how their accounts ended, in the order of their names. An account that fails does so alone. The error
// is that of a run that could not begin, or ctx's.
func (y *Sync) Run(ctx context.Context, jobs []*config.Job) ([]Result, error) {
	err := y.State.Make()
	if err != nil {
		return nil, err
	}
	if y.host, err = os.Hostname(); err != nil {
		return nil, fmt.Errorf("name of this machine: %w", err)
	}
	if y.machine, err = y.State.MachineID(y.host); err != nil {
		return nil, err
	}
	for _, j := range jobs {
		err := y.recorded(ctx, j)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			y.done(Result{Job: j.Name}, fmt.Errorf("job %s: %w", j.Name, err))
		}
	}
	return y.results, ctx.Err()
}

// done keeps a result and hands it on.
func (y *Sync) done(r Result, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	r.DryRun = y.DryRun
	if err != nil {
		r.fail(err)
	} else {
		r.warnOfUnreadable(y.Config.Jobs[r.Job])
		r.warnOfMissing()
	}
	y.results = append(y.results, r)
	y.remember(&r, err)
	y.Done(r)
}

// sort puts the results from index earlier on into the order of the accounts.
func (y *Sync) sort(earlier int, accounts []Account) {
	position := make(map[string]int, len(accounts))
	for i, a := range accounts {
		position[a.Name] = i
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	slices.SortStableFunc(y.results[earlier:], func(a, b Result) int { return position[a.Account] - position[b.Account] })
}

// job backs up the accounts of one job whose turn it is.
func (y *Sync) job(ctx context.Context, j *config.Job, store Store, t *turn) error {
	before, err := LoadLastRun(y.State, j)
	if err != nil {
		return err
	}
	found := Discover(j, before)
	accounts, err := y.chosen(&found, before)
	if err != nil {
		return err
	}
	if y.Account == "" {
		for _, text := range found.Warnings {
			y.done(Result{Job: j.Name, Warning: text}, nil)
		}
	}
	if len(accounts) == 0 {
		return nil
	}
	if !t.until.IsZero() {
		before.longestAgoFirst(accounts)
	}
	w := &run{Sync: y, job: j, store: store, until: t.until, budget: slot.NewBudget(j.Bandwidth), traits: slot.TraitsOnce(store), show: y.Progress()}
	err = w.backUp(ctx, accounts, before)
	if err != nil || y.Account != "" || y.DryRun {
		return err
	}
	return SaveLastRun(y.State, j, before.with(accounts, w.begun, time.Now()))
}

// chosen are the accounts to be backed up: all that were found, or the one that is asked for.
func (y *Sync) chosen(found *Discovery, before LastRun) ([]Account, error) {
	if y.Account == "" {
		return found.Accounts, nil
	}
	if a, ok := found.Named(y.Account); ok {
		return []Account{a}, nil
	}
	if k, ok := before[y.Account]; ok {
		return nil, exit.With(fmt.Errorf("account %s: %s is gone", y.Account, k.Source), exit.Failed, "")
	}
	err := fmt.Errorf("account %s: not among its sources", y.Account)
	return nil, exit.With(err, exit.Usage, strings.Join(found.Warnings, "; "))
}

// Code is the exit code that results stand for.
func Code(results []Result) int {
	failed, ran, less, code := 0, 0, false, exit.Done
	for _, r := range results {
		less = less || r.Warning != ""
		if r.Account != "" || r.Error != "" {
			ran++
		}
		if r.Error == "" {
			continue
		}
		failed++
		if failed == 1 {
			code = r.Code
		} else if code != r.Code {
			code = exit.Failed
		}
	}
	switch {
	case failed > 0 && failed == ran:
		return code
	case failed > 0 || less:
		return exit.Partial
	}
	return exit.Done
}

// unserved reports whether the server is not there for anybody.
func unserved(err error) bool {
	return errors.Is(err, dest.ErrUnreachable) || errors.Is(err, dest.ErrAuth)
}
