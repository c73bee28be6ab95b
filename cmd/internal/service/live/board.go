package live

import (
	"context"
	"fmt"
	iofs "io/fs"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/board"
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

// Board has the live restores of a service.
type Board struct{ *board.Board[State] }

// NewBoard makes a board that tells states as they change.
func NewBoard(tell func(State)) *Board { return &Board{board.New(tell)} }

// Start begins a restore that ends with ctx, or when it is cancelled.
func (b *Board) Start(ctx context.Context, l *Live, q Request) State {
	return b.begin(ctx, l, State{Request: q}, func(ctx context.Context) ([]Outcome, error) { return l.Restore(ctx, q) })
}

// StartUndo begins to put back what was there before the restore id.
func (b *Board) StartUndo(ctx context.Context, l *Live, id string, dryRun bool) State {
	return b.begin(ctx, l, State{Undo: id, Request: Request{Paths: []string{}, DryRun: dryRun}}, func(ctx context.Context) ([]Outcome, error) { return l.Undo(ctx, id, dryRun) })
}

func (b *Board) begin(ctx context.Context, l *Live, s State, work func(context.Context) ([]Outcome, error)) State {
	first := func(id string) State {
		s.ID, s.Who, s.Account, s.Began = id, l.Who, l.Owner, time.Now()
		return s
	}
	return b.Board.Start(ctx, first, func(ctx context.Context, w *board.Work[State]) {
		l.Progress = counted{w}
		l.Begin = func(what string, size int64) {
			w.Change(true, func(s *State) { s.Part, s.PlannedBytes = what, s.PlannedBytes+size })
		}
		var all []Outcome
		err := contain.Do(func() (err error) {
			all, err = work(ctx)
			return err
		})
		w.Change(true, func(s *State) { s.end(all, err) })
	})
}

// end tells how it ended.
func (s *State) end(all []Outcome, err error) {
	now := time.Now()
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
}

// Worse is the exit code of two outcomes together: the first one that failed, or else that less was done.
func Worse(a, b int) int {
	if a == exit.Done || a == exit.Partial && b != exit.Done {
		return b
	}
	return a
}

// counted is the progress of a restore.
type counted struct{ *board.Work[State] }

// Planned implements restore.Progress.
func (c counted) Planned(files, bytes int64) {
	c.Change(false, func(s *State) { s.PlannedFiles, s.PlannedBytes = s.PlannedFiles+files, s.PlannedBytes+bytes })
}

// Sent implements restore.Progress.
func (c counted) Sent(files, bytes int64) {
	c.Change(false, func(s *State) { s.Files, s.Bytes = s.Files+files, s.Bytes+bytes })
}

// of are the restores of an account, or all with "".
func of(account string) func(*State) bool {
	return func(s *State) bool { return account == "" || s.Account == account }
}

// List tells about all live restores of an account, or of all with "", the newest first.
func (b *Board) List(account string) []State { return b.Board.List(of(account)) }

// Get tells about one of them.
func (b *Board) Get(account, id string) (State, error) {
	s, ok := b.Board.Get(id, of(account))
	return s, known(id, ok)
}

// Cancel ends one of them. It may take a moment.
func (b *Board) Cancel(account, id string) (State, error) {
	s, ok := b.Board.Cancel(id, of(account))
	return s, known(id, ok)
}

func known(id string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("live restore %s: %w", id, iofs.ErrNotExist)
}
