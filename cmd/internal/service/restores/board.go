package restores

import (
	"context"
	"fmt"
	iofs "io/fs"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/board"
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

// Board has the restores of a service.
type Board struct{ *board.Board[State] }

// NewBoard makes a board that tells states as they change.
func NewBoard(tell func(State)) *Board { return &Board{board.New(tell)} }

// Start begins a restore that ends with ctx, or when it is cancelled.
func (b *Board) Start(ctx context.Context, t browse.Tree, who string, q Request) State {
	first := func(id string) State { return State{ID: id, Who: who, Request: q, Began: time.Now()} }
	return b.Board.Start(ctx, first, func(ctx context.Context, w *board.Work[State]) { run(ctx, w, New(t, q)) })
}

// run restores.
func run(ctx context.Context, w *board.Work[State], work *Restore) {
	work.Progress = counted{w}
	work.Begin = func(begun *Report) {
		own := *begun
		w.Change(true, func(s *State) { s.Report = &own })
	}
	var report *Report
	err := contain.Do(func() (err error) {
		report, err = work.Run(ctx)
		return err
	})
	now := time.Now()
	w.Change(true, func(s *State) {
		s.Ended, s.Code = &now, exit.Code(err)
		if report != nil {
			s.Report, s.Code = report, report.Code
		}
		if err != nil {
			s.Error, s.Hint = err.Error(), exit.Hint(err)
		}
	})
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

func anybody(*State) bool { return true }

// List tells about all restores, the newest first.
func (b *Board) List() []State { return b.Board.List(anybody) }

// Get tells about one restore.
func (b *Board) Get(id string) (State, error) {
	s, ok := b.Board.Get(id, anybody)
	return s, known(id, ok)
}

// Cancel ends a restore. It may take a moment.
func (b *Board) Cancel(id string) (State, error) {
	s, ok := b.Board.Cancel(id, anybody)
	return s, known(id, ok)
}

func known(id string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("restore %s: %w", id, iofs.ErrNotExist)
}
