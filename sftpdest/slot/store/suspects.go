package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/retry"
	"slotfs/sftpdest/slot/parallel"
)

// ErrKillsSession says that the server's session dies of a request.
var ErrKillsSession = errors.New("the session does not survive the request")

const (
	// suspicious is how often a connection is lost under a request before the request is taken for a possible cause: those that
	// were on their way beside it suffer as much.
	suspicious = 2
	// convicted is how often that happens with no other suspect on its way before the request is taken for the cause.
	convicted = 3
)

// Suspects finds the requests that a server's session dies of, so that one entry does not keep all others from being backed up.
type Suspects struct {
	s        *Store
	mu       sync.Mutex   // held while a suspect is tried
	suspects atomic.Int64 // that are, or wait for it

	proving sync.Mutex   // held while the server is asked whether it is alive
	proved  atomic.Int64 // when that began last with a good end, in ns
	lost    atomic.Int64 // when a connection was lost last, in ns
}

type watchKey struct{}

// Watch makes requests with the context that it returns be tried when connections are lost under them.
func (t *Suspects) Watch(ctx context.Context, s *Store) context.Context {
	t.s = s
	return context.WithValue(ctx, watchKey{}, t)
}

// Unwatched is for requests that are made on the way of another one.
func Unwatched(ctx context.Context) context.Context {
	return context.WithValue(ctx, watchKey{}, (*Suspects)(nil))
}

func suspectsOf(ctx context.Context) *Suspects {
	t, _ := ctx.Value(watchKey{}).(*Suspects)
	return t
}

// retry repeats f while connections are lost under it, until it is a suspect: then it is tried alone. Requests that the destination
// repeats by itself count here too: one that kills each session looks as if there was no server.
func (t *Suspects) retry(ctx context.Context, f func() error) error {
	lost, err := t.attempt(ctx, suspicious, f)
	if !lost {
		return err
	}
	t.suspects.Add(1)
	defer t.suspects.Add(-1)
	t.mu.Lock()
	defer t.mu.Unlock()
	lost, err = t.attempt(ctx, convicted, f)
	if lost {
		return fmt.Errorf("%w: %v", ErrKillsSession, err)
	}
	return err
}

// attempt runs f up to so many times, and reports whether the connection was lost under each of them while the server answered
// others.
func (t *Suspects) attempt(ctx context.Context, attempts int, f func() error) (lost bool, err error) {
	policy := retry.Policy{Attempts: attempts, Lost: func(error) bool { return lost }}
	err = policy.Do(ctx, func() error {
		lost = false
		if err := t.prove(ctx); err != nil {
			return err
		}
		err := f()
		lost = errors.Is(err, dest.ErrUnreachable) && ctx.Err() == nil
		if lost {
			t.lost.Store(time.Now().UnixNano())
		}
		return err
	})
	return lost, err
}

// Calm returns when there is no suspect: what is begun now might be taken for what another request does.
func (t *Suspects) Calm(ctx context.Context) error {
	for t.suspects.Load() > 0 && ctx.Err() == nil {
		t.pass()
	}
	return ctx.Err()
}

// pass waits for whoever tries a suspect.
func (t *Suspects) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
}

// prove makes sure that the server answers since a connection was lost the last time: what may kill a session must not come
// first in one.
func (t *Suspects) prove(ctx context.Context) error {
	if t.proved.Load() >= t.lost.Load() {
		return nil
	}
	t.proving.Lock()
	defer t.proving.Unlock()
	if t.proved.Load() >= t.lost.Load() {
		return nil
	}
	began := time.Now().UnixNano()
	err := t.s.Alive(ctx)
	if err == nil {
		t.proved.Store(began)
	}
	return err
}

// questions is how many times the server is asked whether it is alive: destinations give up servers whose sessions die before they
// have answered some requests.
const (
	questions = 32
	asking    = 8 // more would make a destination open further sessions
)

// Alive makes sure that the server answers.
func (s *Store) Alive(ctx context.Context) error {
	ctx = Unwatched(ctx)
	return parallel.Each(ctx, asking, make([]struct{}, questions), func(ctx context.Context, _ struct{}) error {
		return retry.Default.Do(ctx, func() error {
			_, err := s.Stat(ctx, "")
			return err
		})
	})
}
