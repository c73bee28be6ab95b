// Package term knows how slotfs speaks with people: questions, sizes, tables, and text that cannot take over
// a terminal. It must not know what is spoken about.
//
// The rules: results go to standard output, everything else to standard error. A question is asked only where
// standard input and standard error are a terminal; elsewhere the command says which flag answers it. Names that come
// from a destination are cleaned of control characters before they are shown.
package term

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// ErrNoTerminal says that nobody can be asked.
var ErrNoTerminal = errors.New("no terminal to ask on")

// Terminal asks questions.
type Terminal struct {
	In  *os.File
	Err io.Writer
	// Interactive says that a person sits there.
	Interactive bool
}

// New looks whether in and err are a terminal.
func New(in, err *os.File) *Terminal {
	return &Terminal{In: in, Err: err, Interactive: IsTerminal(in) && IsTerminal(err)}
}

// IsTerminal reports whether f is one.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Width is the number of cells of a line of f, 80 where that is unknown.
func Width(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return 80
}

// Confirm asks a question that is answered with yes or no. Anything but "y" and "yes" is no.
func (t *Terminal) Confirm(ctx context.Context, question string) (bool, error) {
	if !t.Interactive {
		return false, ErrNoTerminal
	}
	fmt.Fprintf(t.Err, "%s [y/N] ", question)
	answer, err := wait(ctx, func() (string, error) { return bufio.NewReader(t.In).ReadString('\n') })
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// Secret asks for something that does not appear on the screen. The screen echoes again when it returns, also
// when ctx ended it.
func (t *Terminal) Secret(ctx context.Context, prompt string) (string, error) {
	if !t.Interactive {
		return "", ErrNoTerminal
	}
	fd := int(t.In.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	fmt.Fprint(t.Err, prompt)
	defer fmt.Fprintln(t.Err)
	defer func() { _ = term.Restore(fd, before) }()
	return wait(ctx, func() (string, error) {
		b, err := term.ReadPassword(fd)
		return string(b), err
	})
}

// wait returns what read does, or when ctx ends. A read of a terminal cannot be interrupted: it is left
// behind, and the process ends soon after.
func wait(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		return a.text, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
