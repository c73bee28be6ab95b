// Package prefetch runs a sequence ahead of whoever takes from it. It knows nothing of what is in it.
package prefetch

import (
	"iter"
	"sync"
)

// Items travel in batches: handing over each of a million would cost more than making it.
const (
	batch = 128
	// Ahead is how many batches are usually ready before they are asked for.
	Ahead = 8
)

// Iter is an iterator with one element of look-ahead. A goroutine of its own fills it, which ends with Close.
type Iter[T any] struct {
	Head T     // the next element, if Some
	Some bool  // whether there is one
	Err  error // that ended the sequence

	rest    []T // of the batch in hand
	failed  error
	batches chan fetched[T]
	quit    func()
}

type fetched[T any] struct {
	items []T
	err   error // behind the items
}

// New makes an iterator over seq whose Head is the first element; a nil seq is empty.
func New[T any](seq iter.Seq2[T, error]) *Iter[T] {
	if seq == nil {
		return &Iter[T]{}
	}
	p := Start(seq, Ahead)
	p.Advance()
	return p
}

// Start is New that does not wait for the first element: call Advance before Head is used. Up to batches of 128 elements are
// ready before they are asked for.
func Start[T any](seq iter.Seq2[T, error], batches int) *Iter[T] {
	done := make(chan struct{})
	p := &Iter[T]{batches: make(chan fetched[T], batches), quit: sync.OnceFunc(func() { close(done) })}
	go func() {
		defer close(p.batches)
		var b fetched[T]
		hand := func() bool {
			select {
			case p.batches <- b:
			case <-done:
				return false
			}
			b.items = make([]T, 0, batch)
			return true
		}
		for item, err := range seq {
			if err != nil {
				b.err = err
				break
			}
			b.items = append(b.items, item)
			if len(b.items) == batch && !hand() {
				return
			}
		}
		hand()
	}()
	return p
}

// Advance goes on to the next element.
func (p *Iter[T]) Advance() {
	for len(p.rest) == 0 && p.failed == nil {
		b, ok := <-p.batches
		if !ok {
			var none T
			p.Head, p.Some = none, false
			return
		}
		p.rest, p.failed = b.items, b.err
	}
	p.Some = len(p.rest) > 0
	if p.Some {
		p.Head, p.rest = p.rest[0], p.rest[1:]
		return
	}
	p.Err = p.failed
}

// Close ends the goroutine and waits for it.
func (p *Iter[T]) Close() {
	if p.batches == nil {
		return
	}
	p.quit()
	for range p.batches {
	}
}
