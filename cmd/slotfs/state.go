package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

// stateDir is where slotfs keeps what it knows:
//
//	index/           the index
//	cache/           what was read through the mount
//	secrets/NAME     password of a destination, 0600
//	accounts/        which accounts jobs found the last time, see lastRun
//	passes/NAME.json how the last pass over a destination ended
//	machine-id       of this machine, where /etc has none
//	control.sock     of the process that owns the index
//	slotfs.log       messages of mounts that run in the background
type stateDir string

func (d stateDir) index() string             { return filepath.Join(string(d), "index") }
func (d stateDir) cache() string             { return filepath.Join(string(d), "cache") }
func (d stateDir) passes() string            { return filepath.Join(string(d), "passes") }
func (d stateDir) secret(name string) string { return filepath.Join(string(d), "secrets", name) }
func (d stateDir) socket() string            { return filepath.Join(string(d), "control.sock") }
func (d stateDir) log() string               { return filepath.Join(string(d), "slotfs.log") }

// make creates the directory. Nobody else may look into it: it holds secrets, and names of everybody's files.
func (d stateDir) make() error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return d.fault(err)
	}
	return nil
}

// fault explains errors about the state directory.
func (d stateDir) fault(err error) error {
	err = fmt.Errorf("state directory: %w", err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return exit.Hinted(err, "run as root, or choose places of your own with --state-dir and --config")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return exit.Hinted(err, "make room below "+string(d)+", or choose another place with --state-dir")
	}
	return err
}

// saveSecret keeps a destination's password.
func (d stateDir) saveSecret(name, password string) error {
	path := d.secret(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return d.fault(err)
	}
	if err := config.WriteFile(path, []byte(password+"\n")); err != nil {
		return d.fault(err)
	}
	return nil
}

// password finds a destination's password: empty if none is kept.
func (d stateDir) password(c *config.Destination) (string, error) {
	if c.PasswordFile != "" {
		return readSecret(c.PasswordFile)
	}
	password, err := readSecret(d.secret(c.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return password, err
}

// maxSecret bounds a password file.
const maxSecret = 64 << 10

// readSecret reads the first line of a file.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	if err := private("password:", path); err != nil {
		return "", err
	}
	if info.Mode().IsRegular() && info.Size() > maxSecret {
		return "", fmt.Errorf("password: %s: too large to be a password", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", exit.With(fmt.Errorf("password: %s: its first line is empty", path), exit.Usage, "")
	}
	return line, nil
}

// removeSecret forgets a destination's password, if one is kept.
func (d stateDir) removeSecret(name string) error {
	if err := os.Remove(d.secret(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.fault(err)
	}
	return nil
}
