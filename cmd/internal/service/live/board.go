package live

import (
	"context"
	"fmt"
	iofs "io/fs"
	"slices"
	"strconv"
	"sync"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/indexer/contain"
)

// State is how a live restore, or the undo of one, of a service gets on.
type State struct {
	ID      string     `json:"id"`  // of the work in this process; those to undo by stand in the outcomes
	Who     string     `json:"who"` // asked for it
	Account string     `json:"account,omitempty"`
	Request Request    `json:"request"`
	Undo    string     `json:"undo,omitempty"` // the restore that is undone
	Began   time.Time  `json:"began"`
	Ended   *time.Time `json:"ended,omitempty"`
	// What is at work, what there is to do of it as far as it is counted, and what is done.
	Part         string    `json:"part,omitempty"`
	PlannedFiles int64     `json:"planned_files"`
	PlannedBytes int64     `json:"planned_bytes"`
	Files        int64     `json:"files"` // or tables
	Bytes        int64     `json:"bytes"`
	Outcomes     []Outcome `json:"outcomes,omitempty"` // at the end
	Error        string    `json:"error,omitempty"`    // why it did not begin, or ended early
	Hint         string    `json:"hint,omitempty"`
	Code         int       `json:"code"` // exit code, at the end
}

// maxEnded is how many restores are told about that have ended.
const maxEnded = 100

// tellEvery is the shortest time between two states of one restore that are told.
const tellEvery = 250 * time.Millisecond

// Board has the live restores of a service.
type Board struct {
	tell func(State)
	wait sync.WaitGroup

	mu sync.Mutex
	// mu guards what follows.
	last int
	all  []*running // the oldest first
}

// running is a restore on the board. Its State belongs to the board's mu.
type running struct {
	State
	board  *Board
	cancel context.CancelFunc
	told   time.Time
}

// NewBoard makes a board that tells states as they change.
func NewBoard(tell func(State)) *Board { return &Board{tell: tell} }

// Wait returns when nothing runs any more. Their contexts end them.
func (b *Board) Wait() { b.wait.Wait() }

// Start begins a restore that ends with ctx, or when it is cancelled.
func (b *Board) Start(ctx context.Context, l *Live, q Request) State {
	return b.begin(ctx, l, State{Request: q}, func(ctx context.Context) ([]Outcome, error) { return l.Restore(ctx, q) })
}

// StartUndo begins to put back what was there before the restore id.
func (b *Board) StartUndo(ctx context.Context, l *Live, id string, dryRun bool) State {
	return b.begin(ctx, l, State{Undo: id, Request: Request{Paths: []string{}, DryRun: dryRun}}, func(ctx context.Context) ([]Outcome, error) { return l.Undo(ctx, id, dryRun) })
}

func (b *Board) begin(ctx context.Context, l *Live, s State, work func(context.Context) ([]Outcome, error)) State {
	ctx, cancel := context.WithCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	s.ID, s.Who, s.Account, s.Began = strconv.Itoa(b.last), l.Who, l.Owner, time.Now()
	r := &running{State: s, board: b, cancel: cancel}
	b.all = append(b.all, r)
	if ended := func(r *running) bool { return r.Ended != nil }; len(b.all) > maxEnded {
		if i := slices.IndexFunc(b.all, ended); i >= 0 {
			b.all = slices.Delete(b.all, i, i+1)
		}
	}
	l.Progress = r
	l.Begin = func(what string, size int64) {
		r.change(true, func(s *State) { s.Part, s.PlannedBytes = what, s.PlannedBytes+size })
	}
	b.wait.Go(func() {
		defer cancel()
		var all []Outcome
		err := contain.Do(func() (err error) {
			all, err = work(ctx)
			return err
		})
		r.end(all, err)
	})
	return r.State
}

// end tells how it ended.
func (r *running) end(all []Outcome, err error) {
	now := time.Now()
	r.change(true, func(s *State) {
		s.Ended, s.Part, s.Outcomes, s.Code = &now, "", all, exit.Code(err)
		for i := range all {
			s.Code = Worse(s.Code, all[i].Code)
			if all[i].Err != nil && s.Error == "" {
				s.Error, s.Hint = all[i].Error, exit.Hint(all[i].Err)
			}
		}
		if err != nil {
			s.Error, s.Hint = err.Error(), exit.Hint(err)
		}
	})
}

// Worse is the exit code of two outcomes together: the first one that failed, or else that less was done.
func Worse(a, b int) int {
	if a == exit.Done || a == exit.Partial && b != exit.Done {
		return b
	}
	return a
}

// Planned implements restore.Progress.
func (r *running) Planned(files, bytes int64) {
	r.change(false, func(s *State) { s.PlannedFiles, s.PlannedBytes = s.PlannedFiles+files, s.PlannedBytes+bytes })
}

// Sent implements restore.Progress.
func (r *running) Sent(files, bytes int64) {
	r.change(false, func(s *State) { s.Files, s.Bytes = s.Files+files, s.Bytes+bytes })
}

// change changes the state, and tells it if that is due or must be.
func (r *running) change(must bool, do func(*State)) {
	r.board.mu.Lock()
	do(&r.State)
	due := must || time.Since(r.told) >= tellEvery
	if due {
		r.told = time.Now()
	}
	state := r.State
	r.board.mu.Unlock()
	if due {
		r.board.tell(state)
	}
}

// List tells about all live restores of an account, or of all with "", the newest first.
func (b *Board) List(account string) []State {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []State{}
	for _, r := range slices.Backward(b.all) {
		if account == "" || r.Account == account {
			out = append(out, r.State)
		}
	}
	return out
}

// Get tells about one of them.
func (b *Board) Get(account, id string) (State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := b.find(account, id)
	if err != nil {
		return State{}, err
	}
	return r.State, nil
}

// Cancel ends one of them. It may take a moment.
func (b *Board) Cancel(account, id string) (State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := b.find(account, id)
	if err != nil {
		return State{}, err
	}
	r.cancel()
	return r.State, nil
}

// find finds a restore. mu is held.
func (b *Board) find(account, id string) (*running, error) {
	for _, r := range b.all {
		if r.ID == id && (account == "" || r.Account == account) {
			return r, nil
		}
	}
	return nil, fmt.Errorf("live restore %s: %w", id, iofs.ErrNotExist)
}
