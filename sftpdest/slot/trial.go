package slot

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"slotfs/indexer/dest"
)

// errKills says that the server's session dies of a request.
var errKills = errors.New("the session does not survive the request")

const (
	// suspicious is how often a connection is lost under a request before the request is taken for a possible cause: those that
	// were on their way beside it suffer as much.
	suspicious = 2
	// convicted is how often that happens with no other suspect on its way before the request is taken for the cause.
	convicted = 2
)

// trial finds the requests that a server's session dies of, so that one entry does not keep all others from being backed up.
type trial struct {
	mu sync.Mutex // held while a suspect is tried
	r  *remote
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
	t.mu.Lock()
	defer t.mu.Unlock()
	for died := 1; ; died++ {
		err := f()
		if !errors.Is(err, dest.ErrUnreachable) || ctx.Err() != nil {
			return err
		}
		if !t.r.alive(ctx) {
			return err
		}
		if died == convicted {
			return fmt.Errorf("%w: %v", errKills, err)
		}
	}
}

// alive reports whether the server answers.
func (r *remote) alive(ctx context.Context) bool {
	return again(unwatched(ctx), func() error {
		_, err := r.Stat(ctx, "")
		return err
	}) == nil
}
