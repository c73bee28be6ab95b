package dest

import (
	"context"
	"errors"
)

// ErrTooManyOpenFiles says that no further file can be open before one is closed that stays open for long; see NoWait.
var ErrTooManyOpenFiles = errors.New("no further file can be open")

type withoutWaiting struct{}

// NoWait makes calls fail with ErrTooManyOpenFiles that would have to wait until a file is closed that stays open for long
// (Create.LongLived). It is for who has one open: it may be the one that is waited for.
func NoWait(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutWaiting{}, true)
}

// Waits reports whether calls may wait for that.
func Waits(ctx context.Context) bool { return ctx.Value(withoutWaiting{}) == nil }
