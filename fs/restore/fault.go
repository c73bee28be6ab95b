package restore

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"slotfs/indexer/dest"
)

// TargetError is what is wrong with the file system that is written to.
type TargetError struct {
	Op  string
	Err error
}

// Error tells what was done and what came of it.
func (e *TargetError) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *TargetError) Unwrap() error { return e.Err }

// SourceError is why a restore ended that could not be read on.
type SourceError struct {
	Path string // what was read
	Err  error
}

// Error tells what was read and why it ended.
func (e *SourceError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// target marks an error of the file system that is written to.
func target(op string, err error) error {
	if err == nil {
		return nil
	}
	return &TargetError{op, err}
}

// Full reports whether err says that there is no room left where was written.
func Full(err error) bool {
	var t *TargetError
	return errors.As(err, &t) && (errors.Is(t.Err, unix.ENOSPC) || errors.Is(t.Err, unix.EDQUOT))
}

// Unmounted reports whether err says that the mount which was read through is gone.
func Unmounted(err error) bool {
	return errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNABORTED)
}

// ErrGone says that a Source went away.
var ErrGone = errors.New("what is read from went away")

// Fatal reports whether err befalls everything that comes after it too.
func Fatal(err error) bool {
	var t *TargetError
	if errors.As(err, &t) {
		return Full(err) || errors.Is(t.Err, unix.EROFS) || errors.Is(t.Err, unix.EIO)
	}
	return errors.Is(err, dest.ErrUnreachable) || errors.Is(err, dest.ErrAuth) || Unmounted(err) ||
		errors.Is(err, context.Canceled) || errors.Is(err, ErrGone)
}

// retried repeats a call that a signal interrupted.
func retried[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, unix.EINTR) {
			return v, err
		}
	}
}

// incomplete is an error about something that is there, but without something that belongs to it.
func incomplete(what string, err error) error {
	return fmt.Errorf("restored without its %s: %w", what, err)
}
