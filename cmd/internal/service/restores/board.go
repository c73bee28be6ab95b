package restores

import (
	"context"
	"fmt"
	iofs "io/fs"
	"slices"
	"strconv"
	"sync"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/indexer/contain"
)

// State is how a restore of a service gets on.
type State struct {
	ID      string     `json:"id"`
	Who     string     `json:"who"` // asked for it
	Request Request    `json:"request"`
	Began   time.Time  `json:"began"`
	Ended   *time.Time `json:"ended,omitempty"`
	// What there is to do, as far as it is counted, and what is done.
	PlannedFiles int64   `json:"planned_files"`
	PlannedBytes int64   `json:"planned_bytes"`
	Files        int64   `json:"files"`
	Bytes        int64   `json:"bytes"`
	Report       *Report `json:"report,omitempty"` // at the end, or once it is known what is not proven
	Error        string  `json:"error,omitempty"`  // why it ended early
	Hint         string  `json:"hint,omitempty"`
	Code         int     `json:"code"` // exit code, at the end
}

// maxEnded is how many restores are told about that have ended.
const maxEnded = 100

// tellEvery is the shortest time between two states of one restore that are told.
const tellEvery = 250 * time.Millisecond

// Board has the restores of a service.
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

// Wait returns when no restore runs any more. Their contexts end them.
func (b *Board) Wait() { b.wait.Wait() }

// Start begins a restore that ends with ctx, or when it is cancelled.
func (b *Board) Start(ctx context.Context, t browse.Tree, who string, q Request) State {
	ctx, cancel := context.WithCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	r := &running{State: State{ID: strconv.Itoa(b.last), Who: who, Request: q, Began: time.Now()}, board: b, cancel: cancel}
	b.all = append(b.all, r)
	for i := 0; len(b.all) > maxEnded && i < len(b.all); {
		if b.all[i].Ended == nil {
			i++
			continue
		}
		b.all = slices.Delete(b.all, i, i+1)
	}
	b.wait.Go(func() {
		defer cancel()
		r.run(ctx, t)
	})
	return r.State
}

// run restores.
func (r *running) run(ctx context.Context, t browse.Tree) {
	work := New(t, r.Request)
	work.Progress = r
	work.Begin = func(begun *Report) {
		own := *begun
		r.change(true, func(s *State) { s.Report = &own })
	}
	var report *Report
	err := contain.Do(func() (err error) {
		report, err = work.Run(ctx)
		return err
	})
	now := time.Now()
	r.change(true, func(s *State) {
		s.Ended, s.Code = &now, exit.Code(err)
		if report != nil {
			s.Report, s.Code = report, report.Code
		}
		if err != nil {
			s.Error, s.Hint = err.Error(), exit.Hint(err)
		}
	})
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

// List tells about all restores, the newest first.
func (b *Board) List() []State {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []State{}
	for _, r := range slices.Backward(b.all) {
		out = append(out, r.State)
	}
	return out
}

// Get tells about one restore.
func (b *Board) Get(id string) (State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := b.find(id)
	if err != nil {
		return State{}, err
	}
	return r.State, nil
}

// Cancel ends a restore. It may take a moment.
func (b *Board) Cancel(id string) (State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := b.find(id)
	if err != nil {
		return State{}, err
	}
	r.cancel()
	return r.State, nil
}

// find finds a restore. mu is held.
func (b *Board) find(id string) (*running, error) {
	for _, r := range b.all {
		if r.ID == id {
			return r, nil
		}
	}
	return nil, fmt.Errorf("restore %s: %w", id, iofs.ErrNotExist)
}
