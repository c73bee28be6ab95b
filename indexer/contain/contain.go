// Package contain turns a panic in the handling of one unit of foreign input (a listing, a backup, a span, a reply) into an
// error of that unit. It does not know what the units are.
package contain

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Error is a panic that ended the handling of a unit. Its text is for people; the stack is for the log.
type Error struct {
	Value any
	Stack []byte
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// Unwrap returns what was panicked with, if that is an error.
func (e *Error) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Recover is to be deferred: it makes a panic the error. An Error that is panicked with again keeps its stack.
func Recover(err *error) {
	switch p := recover().(type) {
	case nil:
	case *Error:
		*err = p
	default:
		*err = &Error{Value: p, Stack: debug.Stack()}
	}
}

// Do calls f, whose panic is an error like any other.
func Do(f func() error) (err error) {
	defer Recover(&err)
	return f()
}

// Stack is where the panic behind err came from; "" if there was none.
func Stack(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return string(e.Stack)
	}
	return ""
}
