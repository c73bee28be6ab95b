package source

import (
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStalled says that the source has not answered for Options.StallTimeout. Nothing more is to be had of it.
var ErrStalled = errors.New("the source does not answer")

// stallTicks are how many times a watch looks before it gives up. It counts looks, not time: a process that was stopped
// for long has not waited.
const stallTicks = 10

// watch gives up waiting for a source. A call into the kernel cannot be ended: whoever waits is let go, and the call is
// left alone with all that it uses.
type watch struct {
	pending atomic.Int64  // calls that have not come back
	done    atomic.Int64  // steps that were made
	files   atomic.Bool   // calls about single files are watched: the file system is none of this machine's own
	stalled chan struct{} // closed when the source is given up
	quit    chan struct{}
	end     func() // closes quit
	giveUp  func() // closes stalled
}

func newWatch(timeout time.Duration) *watch {
	w := &watch{stalled: make(chan struct{}), quit: make(chan struct{})}
	w.end = sync.OnceFunc(func() { close(w.quit) })
	w.giveUp = sync.OnceFunc(func() { close(w.stalled) })
	go w.run(timeout / stallTicks)
	return w
}

// run looks at each tick whether anything has happened.
func (w *watch) run(tick time.Duration) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := int64(-1)
	for idle := 0; idle < stallTicks; idle++ {
		select {
		case <-ticker.C:
		case <-w.quit:
			return
		}
		if done := w.done.Load(); done != last || w.pending.Load() == 0 {
			idle, last = -1, done
		}
	}
	w.giveUp()
}

// given reports whether the source was given up.
func (w *watch) given() bool {
	if w == nil {
		return false
	}
	select {
	case <-w.stalled:
		return true
	default:
		return false
	}
}

// call makes a call that may not come back. What it uses must be nobody else's if it ends with ErrStalled.
func (w *watch) call(do func()) error {
	if w == nil || !w.files.Load() {
		do()
		return nil
	}
	if w.given() {
		return ErrStalled
	}
	back := make(chan struct{})
	w.pending.Add(1)
	go func() {
		defer close(back)
		do()
		w.done.Add(1)
		w.pending.Add(-1)
	}()
	select {
	case <-back:
		return nil
	case <-w.stalled:
		return ErrStalled
	}
}

// answered waits so long for an answer; 0 is for ever. A late one goes to drop.
func answered[T any](timeout time.Duration, ask func() (T, error), drop func(T)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	if timeout == 0 {
		return ask()
	}
	got, late := make(chan answer), make(chan struct{})
	go func() {
		v, err := ask()
		select {
		case got <- answer{v, err}:
		case <-late:
			if err == nil {
				drop(v)
			}
		}
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case a := <-got:
		return a.v, a.err
	case <-timer.C:
		close(late)
		var none T
		return none, ErrStalled
	}
}

// walkAhead is how many entries a watched walk hands over at once.
const walkAhead = 128

// steps are entries of a walk, and the error behind them.
type steps struct {
	found []*Found
	err   error
}

// watched lets a walk run by itself: who takes its entries is let go if it stalls.
func (w *watch) watched(walk func(yield func(*Found, error) bool)) iter.Seq2[*Found, error] {
	return func(yield func(*Found, error) bool) {
		batches, quit := make(chan steps), make(chan struct{})
		go func() {
			defer close(batches)
			w.pending.Add(1)
			defer w.pending.Add(-1)
			w.walk(batches, quit, walk)
		}()
		ended := false
		defer func() {
			for close(quit); !ended; {
				select {
				case _, more := <-batches:
					ended = !more
				case <-w.stalled:
					return
				}
			}
		}()
		for {
			select {
			case b, more := <-batches:
				ended = !more
				if ended || !b.each(yield) {
					return
				}
			case <-w.stalled:
				yield(nil, ErrStalled)
				return
			}
		}
	}
}

// walk collects what a walk yields.
func (w *watch) walk(batches chan<- steps, quit <-chan struct{}, walk func(yield func(*Found, error) bool)) {
	var b steps
	hand := func() bool {
		w.pending.Add(-1) // who takes it may have much to do
		defer w.pending.Add(1)
		select {
		case batches <- b:
			b = steps{found: make([]*Found, 0, walkAhead)}
			return true
		case <-quit:
			return false
		}
	}
	going := true
	walk(func(found *Found, err error) bool {
		w.done.Add(1)
		b.err = err
		if err == nil {
			b.found = append(b.found, found)
		}
		if err != nil || len(b.found) == walkAhead {
			going = hand()
		}
		return going
	})
	if going {
		hand()
	}
}

func (b *steps) each(yield func(*Found, error) bool) bool {
	for _, found := range b.found {
		if !yield(found, nil) {
			return false
		}
	}
	return b.err == nil || yield(nil, b.err)
}
