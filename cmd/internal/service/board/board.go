// Package board knows the work of a service that nobody waits for: what runs, how it gets on and how it ended. It must not know what
// the work is.
package board

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"
)

// maxEnded is how many pieces of work are told about, unless more of them run.
const maxEnded = 100

// tellEvery is the shortest time between two states of one piece of work that are told.
const tellEvery = 250 * time.Millisecond

// Board has the work of one kind. S is how a piece of it gets on.
type Board[S any] struct {
	tell func(S)
	wait sync.WaitGroup

	mu sync.Mutex
	// mu guards what follows.
	last int
	all  []*Work[S] // the oldest first
}

// Work is a piece of work. What it has belongs to the board's mu.
type Work[S any] struct {
	board  *Board[S]
	id     string
	state  S
	cancel context.CancelFunc
	ended  bool
	told   time.Time
}

// New makes a board that tells states as they change.
func New[S any](tell func(S)) *Board[S] { return &Board[S]{tell: tell} }

// Wait returns when nothing runs any more. Their contexts end them.
func (b *Board[S]) Wait() { b.wait.Wait() }

// Start begins work that ends with ctx, or when it is cancelled. first is its state, with the id that it gets.
func (b *Board[S]) Start(ctx context.Context, first func(id string) S, run func(ctx context.Context, w *Work[S])) S {
	ctx, cancel := context.WithCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	id := strconv.Itoa(b.last)
	w := &Work[S]{board: b, id: id, state: first(id), cancel: cancel}
	b.all = append(b.all, w)
	if len(b.all) > maxEnded {
		if i := slices.IndexFunc(b.all, func(w *Work[S]) bool { return w.ended }); i >= 0 {
			b.all = slices.Delete(b.all, i, i+1)
		}
	}
	b.wait.Go(func() {
		defer cancel()
		run(ctx, w)
		b.mu.Lock()
		defer b.mu.Unlock()
		w.ended = true
	})
	return w.state
}

// Change changes the state, and tells it if that is due or must be.
func (w *Work[S]) Change(must bool, do func(*S)) {
	w.board.mu.Lock()
	do(&w.state)
	due := must || time.Since(w.told) >= tellEvery
	if due {
		w.told = time.Now()
	}
	state := w.state
	w.board.mu.Unlock()
	if due {
		w.board.tell(state)
	}
}

// List tells about the work that may be seen, the newest first.
func (b *Board[S]) List(may func(*S) bool) []S {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []S{}
	for _, w := range slices.Backward(b.all) {
		if may(&w.state) {
			out = append(out, w.state)
		}
	}
	return out
}

// Get tells about a piece of work that may be seen; false: there is none of that id.
func (b *Board[S]) Get(id string, may func(*S) bool) (S, bool) {
	return b.find(id, may, func(*Work[S]) {})
}

// Cancel ends a piece of work that may be seen. It may take a moment.
func (b *Board[S]) Cancel(id string, may func(*S) bool) (S, bool) {
	return b.find(id, may, func(w *Work[S]) { w.cancel() })
}

func (b *Board[S]) find(id string, may func(*S) bool, do func(*Work[S])) (found S, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.all {
		if w.id == id && may(&w.state) {
			do(w)
			return w.state, true
		}
	}
	return found, false
}
