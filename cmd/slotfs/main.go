// Command slotfs makes the backups on an SFTP destination a directory. This package wires the others together, one
// file for each command; it must not know how backups are found, kept or shown.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/restores"
	"slotfs/cmd/internal/term"
)

func main() { os.Exit(run(os.Args)) }

// run executes a command line and tells the exit code.
func run(argv []string) int {
	service.LimitMemory(service.MemoryLimit)
	s := &shell{in: os.Stdin, out: os.Stdout, err: os.Stderr, terminal: term.New(os.Stdin, os.Stderr), json: wantsJSON(argv)}
	ctx, stop := s.untilSignal()
	defer stop()
	if argv[0] == restores.WriterName {
		return restoreWriter(ctx)
	}
	if helper, ok := mountHelper(argv[0]); ok {
		return helper.exit(s, helper.run(ctx, s, argv[1:]))
	}
	return s.exit(s.execute(ctx, argv))
}

// untilSignal is a context that ends with the first signal that asks for an orderly end; the second one does not wait for
// it. A hang-up asks for one, unless this process was told to survive it (nohup), or is a mount that stands.
func (s *shell) untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		for got := range signals {
			if got != syscall.SIGHUP || !s.survives.Load() {
				break
			}
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}

// wantsJSON reports whether a command line has --json, also one that is wrong elsewhere.
func wantsJSON(argv []string) bool {
	for _, word := range argv[1:] {
		switch word {
		case "--json", "-json", "--json=true":
			return true
		case "--":
			return false
		}
	}
	return false
}

// errorJSON is an error, a warning or a notice on standard error where --json is given, one a line.
type errorJSON struct {
	Error   string `json:"error,omitempty"`
	Warning string `json:"warning,omitempty"`
	Notice  string `json:"notice,omitempty"` // what was done
	Hint    string `json:"hint,omitempty"`
	Code    int    `json:"code,omitempty"` // to end with, or of the part that failed
}

// exit reports an error to people, or to programs, and tells its exit code.
func (s *shell) exit(err error) int {
	code := exit.Code(err)
	if err == nil {
		return code
	}
	var said *reported
	if errors.As(err, &said) {
		return code
	}
	// Joined errors have several lines.
	text, hint := strings.ReplaceAll(err.Error(), "\n", "; "), exit.Hint(err)
	if code == exit.Interrupted && errors.Is(err, context.Canceled) {
		text, hint = "interrupted", ""
	}
	s.complain(text, hint, code)
	return code
}

// complain says what went wrong, and the cure, which may be empty.
func (s *shell) complain(text, hint string, code int) {
	text, hint = term.Clean(text), term.Clean(hint)
	if s.json {
		_ = json.NewEncoder(s.err).Encode(errorJSON{Error: text, Hint: hint, Code: code}) // there is nobody else to tell
		return
	}
	fmt.Fprintf(s.err, "slotfs: %s\n", text)
	s.hint(hint)
}

// warn says what is not as it should be where the command goes on. hint may be empty.
func (s *shell) warn(text, hint string) {
	text, hint = term.Clean(text), term.Clean(hint)
	if s.json {
		_ = json.NewEncoder(s.err).Encode(errorJSON{Warning: text, Hint: hint})
		return
	}
	fmt.Fprintf(s.err, "slotfs: %s\n", text)
	s.hint(hint)
}

// warning warns of what is shown or done all the same.
func (s *shell) warning(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !s.json {
		text = "warning: " + text
	}
	s.warn(text, "")
}

// hint tells people the cure, if there is one.
func (s *shell) hint(text string) {
	if text != "" && !s.json {
		fmt.Fprintf(s.err, "slotfs: hint: %s\n", text)
	}
}

// reported is an error that was told to people already; only its exit code is left to tell.
type reported struct{ code int }

func (r *reported) Error() string { return fmt.Sprintf("exit code %d", r.code) }

// EndsWith is the code to end with.
func (r *reported) EndsWith() int { return r.code }
