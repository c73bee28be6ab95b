package dest

import (
	"context"
	"errors"
)

// ErrCrowded says that no further file can be open before one is closed that stays open for long; see WithoutWaiting.
var ErrCrowded = errors.New("no further file can be open")

type withoutWaiting struct{}

// WithoutWaiting makes calls fail with ErrCrowded that would have to wait until a file is closed that stays open for long
// (Create.Lasting). It is for who has one open: it may be the one that is waited for.
func WithoutWaiting(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutWaiting{}, true)
}

// Waits reports whether calls may wait for that.
func Waits(ctx context.Context) bool { return ctx.Value(withoutWaiting{}) == nil }
