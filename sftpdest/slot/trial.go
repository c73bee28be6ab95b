package slot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"slotfs/indexer/dest"
)

// errKills says that the server's session dies of a request.
var errKills = errors.New("the session does not survive the request")

const (
	// suspicious is how often a connection is lost under a request before the request is taken for a possible cause: those that
	// were on their way beside it suffer as much.
	suspicious = 2
	// convicted is how often that happens with no other suspect on its way before the request is taken for the cause.
	convicted = 3
)

// trial finds the requests that a server's session dies of, so that one entry does not keep all others from being backed up.
type trial struct {
	r        *remote
	mu       sync.Mutex   // held while a suspect is tried
	suspects atomic.Int64 // that are, or wait for it

	proving sync.Mutex   // held while the server is asked whether it is alive
	proved  atomic.Int64 // when that began last with a good end, in ns
	lost    atomic.Int64 // when a connection was lost last, in ns
}

type watchKey struct{}

// watch makes requests with the context that it returns be tried when connections are lost under them.
func (t *trial) watch(ctx context.Context, r *remote) context.Context {
	t.r = r
	return context.WithValue(ctx, watchKey{}, t)
}

// unwatched is for requests that are made on the way of another one.
func unwatched(ctx context.Context) context.Context {
	return context.WithValue(ctx, watchKey{}, (*trial)(nil))
}

func watchOf(ctx context.Context) *trial {
	t, _ := ctx.Value(watchKey{}).(*trial)
	return t
}

// alone repeats a suspicious request beside which no other one is.
func (t *trial) alone(ctx context.Context, f func() error) error {
	t.suspects.Add(1)
	defer t.suspects.Add(-1)
	t.mu.Lock()
	defer t.mu.Unlock()
	for died := 1; ; died++ {
		if err := t.prove(ctx); err != nil {
			return err
		}
		err := f()
		if !errors.Is(err, dest.ErrUnreachable) || ctx.Err() != nil {
			return err
		}
		t.lost.Store(time.Now().UnixNano())
		if died == convicted {
			return fmt.Errorf("%w: %v", errKills, err)
		}
	}
}

// calm returns when there is no suspect: what is begun now might be taken for what another request does.
func (t *trial) calm(ctx context.Context) error {
	for t.suspects.Load() > 0 && ctx.Err() == nil {
		t.mu.Lock()
		t.mu.Unlock() // it is waited for, not held
	}
	return ctx.Err()
}

// prove makes sure that the server answers since a connection was lost the last time: what may kill a session must not come
// first in one.
func (t *trial) prove(ctx context.Context) error {
	if t.proved.Load() >= t.lost.Load() {
		return nil
	}
	t.proving.Lock()
	defer t.proving.Unlock()
	if t.proved.Load() >= t.lost.Load() {
		return nil
	}
	began := time.Now().UnixNano()
	err := t.r.alive(ctx)
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

// alive makes sure that the server answers.
func (r *remote) alive(ctx context.Context) error {
	ctx = unwatched(ctx)
	return each(ctx, asking, make([]struct{}, questions), func(ctx context.Context, _ struct{}) error {
		return again(ctx, func() error {
			_, err := r.Stat(ctx, "")
			return err
		})
	})
}
