package lease

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"slotfs/indexer/dest"
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

// overwrite writes a small file, whether it is there or not.
func overwrite(ctx context.Context, s *store.Store, name string, text []byte) error {
	d := s.Raw()
	err := write(ctx, d, name, text, dest.Create{Existing: true})
	if err == nil || ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Some servers open nothing for writing that is there, and let it be replaced.
	temp := clockName(s, dest.Parent(name))
	if tempErr := write(ctx, d, temp, text, dest.Create{}); tempErr != nil {
		return err
	}
	if moveErr := d.Rename(ctx, temp, name); moveErr != nil {
		_ = d.Remove(ctx, temp)
		return err
	}
	return nil
}

func write(ctx context.Context, d dest.ReadWriter, name string, text []byte, how dest.Create) error {
	out, err := d.Create(ctx, name, how)
	if err != nil {
		return err
	}
	return fill(ctx, out, text)
}

// fill writes a file that was opened for it, and closes it.
func fill(ctx context.Context, out dest.WriteFile, text []byte) error {
	_, err := out.WriteAt(ctx, text, 0)
	if closeErr := out.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}

// serverTime is the server's clock: the time of a file that was just made.
func serverTime(ctx context.Context, s *store.Store, dir string) (int64, error) {
	name := clockName(s, dir)
	if err := write(ctx, s.Raw(), name, nil, dest.Create{}); err != nil {
		return 0, err
	}
	info, err := s.Stat(ctx, name)
	if removeErr := s.Remove(ctx, name); err == nil {
		err = removeErr
	}
	return info.MTime, err
}

// ClockPrefix starts the names of files whose time is looked at.
const ClockPrefix = "clock."

// clockName is a new name for a file whose time is looked at.
func clockName(s *store.Store, dir string) string {
	return fmt.Sprintf("%s/%s%s-%d", dir, ClockPrefix, s.Run, s.Next())
}
