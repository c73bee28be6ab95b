// Command slotfs makes the backups on an SFTP destination a directory. This package wires the others together, one
// file for each command; it must not know how backups are found, kept or shown.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
)

func main() { os.Exit(run(os.Args)) }

// run executes a command line and tells the exit code.
func run(argv []string) int {
	limitMemory(memoryLimit)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for an orderly end, the second one does not wait for it.
	context.AfterFunc(ctx, stop)

	s := &shell{in: os.Stdin, out: os.Stdout, err: os.Stderr, terminal: term.New(os.Stdin, os.Stderr)}
	if argv[0] == writerName {
		return restoreWriter(ctx)
	}
	if helper, ok := mountHelper(argv[0]); ok {
		return helper.exit(s, helper.run(ctx, s, argv[1:]))
	}
	return s.exit(s.execute(ctx, argv))
}

// exit reports an error to people and tells its exit code.
func (s *shell) exit(err error) int {
	code := exit.Code(err)
	if err == nil {
		return code
	}
	if code == exit.Interrupted && errors.Is(err, context.Canceled) {
		fmt.Fprintln(s.err, "slotfs: interrupted")
		return code
	}
	var said *reported
	if errors.As(err, &said) {
		return code
	}
	// Joined errors have several lines.
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	fmt.Fprintf(s.err, "slotfs: %s\n", term.Clean(text))
	if hint := exit.Hint(err); hint != "" {
		fmt.Fprintf(s.err, "slotfs: hint: %s\n", term.Clean(hint))
	}
	return code
}

// reported is an error that was told to people already; only its exit code is left to tell.
type reported struct{ code int }

func (r *reported) Error() string { return fmt.Sprintf("exit code %d", r.code) }

// EndsWith is the code to end with.
func (r *reported) EndsWith() int { return r.code }
