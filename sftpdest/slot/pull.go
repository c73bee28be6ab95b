package slot

import (
	"iter"
	"sync"
)

// Items travel in batches: handing over each of a million would cost more than making it.
const (
	batch        = 128
	batchesAhead = 8   // batches that are ready before they are asked for
	batchesEarly = 128 // of what is begun while the destination is still asked: the source is looked through meanwhile
)

// pulled is a sequence with its head in the hand. A goroutine of its own runs ahead of who takes from it.
type pulled[T any] struct {
	head T
	some bool
	err  error

	rest    []T // of the batch in hand
	failed  error
	batches chan fetched[T]
	quit    func()
}

type fetched[T any] struct {
	items []T
	err   error // behind the items
}

// pull takes from seq until close is called; nil is empty.
func pull[T any](seq iter.Seq2[T, error]) *pulled[T] {
	if seq == nil {
		return &pulled[T]{}
	}
	p := begin(seq, batchesAhead)
	p.advance()
	return p
}

// begin is pull that waits for nothing, with so many batches ready: advance gets the first item into the hand.
func begin[T any](seq iter.Seq2[T, error], batches int) *pulled[T] {
	done := make(chan struct{})
	p := &pulled[T]{batches: make(chan fetched[T], batches), quit: sync.OnceFunc(func() { close(done) })}
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
			if b.items = append(b.items, item); len(b.items) == batch && !hand() {
				return
			}
		}
		hand()
	}()
	return p
}

func (p *pulled[T]) advance() {
	for len(p.rest) == 0 && p.failed == nil {
		b, ok := <-p.batches
		if !ok {
			var none T
			p.head, p.some = none, false
			return
		}
		p.rest, p.failed = b.items, b.err
	}
	if p.some = len(p.rest) > 0; p.some {
		p.head, p.rest = p.rest[0], p.rest[1:]
		return
	}
	p.err = p.failed
}

// close ends the goroutine and waits for it.
func (p *pulled[T]) close() {
	if p.batches == nil {
		return
	}
	p.quit()
	for range p.batches {
	}
}
