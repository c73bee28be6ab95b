// Package hooks runs the commands that people put before and after a backup. It must not know what they do, and it
// never repeats their text: it may hold passwords.
package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// shell is what commands are written for.
const shell = "/bin/sh"

// patience is how long a command that was asked to end may take to do so.
const patience = 10 * time.Second

// maxLine bounds a line of output that is passed on.
const maxLine = 1000

// Hook is one command.
type Hook struct {
	Text string            // for the shell
	Env  map[string]string // added to the environment
	Say  func(line string) // hears its output, line by line; may be nil

	Input string // on its standard input
}

// Run runs the command and waits for it. When ctx ends, the command and everything that it started is told to end
// too. The error has the last line of its output.
func (h *Hook) Run(ctx context.Context) error {
	out := &lines{say: h.Say}
	cmd := exec.CommandContext(ctx, shell, "-c", h.Text)
	cmd.Dir = "/"
	cmd.Env = os.Environ()
	for name, value := range h.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if h.Input != "" {
		cmd.Stdin = strings.NewReader(h.Input)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = patience
	err := cmd.Run()
	out.flush()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what did not heed the first signal
		}
		return ctx.Err()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it is done, and left something running that holds its output
	}
	if err != nil && out.last != "" {
		return fmt.Errorf("%w: %s", err, out.last)
	}
	return err
}

// lines cuts output into lines.
type lines struct {
	say func(string)

	mu sync.Mutex
	// mu guards what follows.
	rest []byte
	last string // line that was not empty
}

// Write takes a piece of output.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.keep(rest)
			break
		}
		l.keep(rest[:i])
		l.end()
		rest = rest[i+1:]
	}
	return len(p), nil
}

// keep adds to a line what is not beyond its bound.
func (l *lines) keep(p []byte) {
	l.rest = append(l.rest, p[:min(len(p), maxLine-len(l.rest))]...)
}

func (l *lines) end() {
	line := strings.TrimRight(string(l.rest), "\r")
	l.rest = l.rest[:0]
	if strings.TrimSpace(line) != "" {
		l.last = line
	}
	if l.say != nil {
		l.say(line)
	}
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.end()
	}
}
