package service

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// commandEnd is how long a command may take to end when it is interrupted.
const commandEnd = time.Minute

// Command is a command of this program that works on the same installation. It is interrupted when ctx ends.
func (e *Environment) Command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("program: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"--config", e.ConfigPath, "--state-dir", string(e.State)}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = commandEnd
	return cmd, nil
}
