package lease

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"slotfs/sftpdest/slot/store"
)

var _ store.Fence = (*Lease)(nil)

// Current makes sure, before something is changed, that the lease was not left alone for long: a process that was
// stopped for hours must not go on as if nothing had happened.
func (l *Lease) Current(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.o.Now().Sub(l.last)
	if age.Abs() < l.o.TTL/2 {
		return nil
	}
	return l.rewrite(store.Unwatched(ctx))
}

// Keep refreshes until ctx ends. It gives up with cancel when the lease is lost or was not refreshed for too long.
func (l *Lease) Keep(ctx context.Context, cancel context.CancelCauseFunc) {
	beat, stop := l.o.Beat()
	defer stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat:
		}
		err := l.Refresh(ctx)
		switch {
		case err == nil:
			last = time.Now()
		case errors.Is(err, ErrBusy), time.Since(last) > l.o.TTL/2:
			cancel(fmt.Errorf("keep the lease of %s: %w", l.dir, err))
			return
		default:
			l.o.Log.Warn("lease", "directory", l.dir, "error", err)
		}
	}
}

// Refresh writes the lease again, as it was: that alone makes it younger.
func (l *Lease) Refresh(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rewrite(ctx)
}

// rewrite needs l.mu.
func (l *Lease) rewrite(ctx context.Context) error {
	now := l.o.Now()
	if _, err := l.d.Stat(ctx, l.name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return busy(l.dir, nil)
		}
		return err
	}
	err := overwrite(ctx, l.s, l.name, l.text)
	if err == nil {
		err = l.Alone(ctx)
	}
	if err == nil {
		l.last = now
	}
	return err
}

// ClockPrefix starts the names of files whose time is looked at.
const ClockPrefix = "clock."
