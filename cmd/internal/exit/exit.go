// Package exit knows the exit codes of slotfs and which error has which. It must not end the process and
// must not print.
package exit

import (
	"context"
	"errors"
	"fmt"

	"slotfs/cache/index"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
)

// The exit codes. They are never reused for something else.
const (
	Done        = 0
	Failed      = 1
	Usage       = 2
	Partial     = 3
	Busy        = 4
	Unreachable = 5
	Refused     = 6
	Interrupted = 130
)

// Meaning is one exit code in words.
type Meaning struct {
	Code int
	Text string
}

// Meanings lists the codes for help texts and manuals.
func Meanings() []Meaning {
	return []Meaning{
		{Done, "done"},
		{Failed, "failed"},
		{Usage, "wrong usage or configuration"},
		{Partial, "done with less: some accounts, snapshots or files failed, the rest is there"},
		{Busy, "busy: another process holds the index or the account, or a pass is running"},
		{Unreachable, "destination unreachable"},
		{Refused, "authentication or host key refused"},
		{Interrupted, "interrupted"},
	}
}

// Error is an error with its exit code and, where somebody knows it, the cure.
type Error struct {
	Err  error
	code int
	hint string
}

// Error tells what happened, without the hint.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// EndsWith is the code to end with, or -1 if the cause decides.
func (e *Error) EndsWith() int { return e.code }

// Hint tells the cure, or is empty.
func (e *Error) Hint() string { return e.hint }

// With gives err an exit code and a hint, which may be empty.
func With(err error, code int, hint string) error {
	return &Error{Err: err, code: code, hint: hint}
}

// Hinted gives err a hint and leaves its exit code to the cause.
func Hinted(err error, hint string) error { return &Error{Err: err, code: -1, hint: hint} }

// Usagef is an error of wrong usage.
func Usagef(format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), code: Usage}
}

// coder is an error that knows the exit code of slotfs. The name is no common one: errors of commands that were run have
// an ExitCode, which is theirs.
type coder interface{ EndsWith() int }

// Code tells the exit code that belongs to err.
func Code(err error) int {
	if err == nil {
		return Done
	}
	for e := err; e != nil; {
		var c coder
		if !errors.As(e, &c) {
			break
		}
		if c.EndsWith() >= 0 {
			return c.EndsWith()
		}
		e = errors.Unwrap(c.(error))
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.As(err, new(*auth.IdentityError)):
		return Usage // nobody refused anything: the settings name a file that is no key
	case errors.Is(err, dest.ErrAuth):
		return Refused
	case errors.Is(err, dest.ErrUnreachable):
		return Unreachable
	case errors.Is(err, index.ErrBusy):
		return Busy
	}
	return Failed
}

// hinter is an error that knows the cure.
type hinter interface{ Hint() string }

// Hint tells the cure that travels with err, or a general one for the errors that any command can meet.
func Hint(err error) string {
	for e := err; e != nil; {
		var h hinter
		if !errors.As(e, &h) {
			break
		}
		if h.Hint() != "" {
			return h.Hint()
		}
		e = errors.Unwrap(h.(error))
	}
	switch {
	case errors.Is(err, index.ErrVersion), errors.Is(err, index.ErrDamaged):
		return "the index is derived data: build it anew with `slotfs index --rebuild`"
	case errors.Is(err, index.ErrFull):
		return "make room below the state directory, or choose another one with --state-dir"
	}
	return ""
}
