// Package state knows the state directory: where an installation keeps its index, its secrets and keys, its locks and the
// records of what it did. It must not know what is in the index.
package state

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

// Dir is where slotfs keeps what it knows:
//
//	index/           the index
//	cache/           what was read through the mount
//	secrets/NAME     password of a destination, 0600
//	accounts/        which accounts jobs found the last time, see package jobs
//	keys/NAME        private key that was made for a destination, NAME.pub its public half
//	locks/, staging/ of sync, see Lock
//	passes/NAME.json how the last pass over a destination ended
//	history/         how passes, backups and verifications ended, see package history
//	access/          links, administrators and the host key of the SFTP server, see package login
//	audit/           who looked at, downloaded and restored what, see package audit
//	live/ID/         what a restore into a live account replaced, see package record
//	alarms/          who was told of what, see package alarm
//	panel/           what is installed in hosting panels, see package plugin
//	machine-id       of this machine, where /etc has none
//	control.sock     of the process that owns the index
//	slotfs.log       messages of mounts that run in the background
type Dir string

// Paths of what is kept.
func (d Dir) Index() string             { return filepath.Join(string(d), "index") }
func (d Dir) Cache() string             { return filepath.Join(string(d), "cache") }
func (d Dir) Passes() string            { return filepath.Join(string(d), "passes") }
func (d Dir) History() string           { return filepath.Join(string(d), "history") }
func (d Dir) Access() string            { return filepath.Join(string(d), "access") }
func (d Dir) Audit() string             { return filepath.Join(string(d), "audit") }
func (d Dir) Live() string              { return filepath.Join(string(d), "live") }
func (d Dir) Alarms() string            { return filepath.Join(string(d), "alarms") }
func (d Dir) Secret(name string) string { return filepath.Join(string(d), "secrets", name) }
func (d Dir) Socket() string            { return filepath.Join(string(d), "control.sock") }
func (d Dir) Panel() string             { return filepath.Join(string(d), "panel") }
func (d Dir) Log() string               { return filepath.Join(string(d), "slotfs.log") }

// FoundAccounts is the file with the accounts that the last run of a job found: a JSON object with a member for each.
func (d Dir) FoundAccounts(destination, job string) string {
	return filepath.Join(string(d), "accounts", destination, job+".json")
}

// GoneAccounts is the file with the accounts that runs of a job found no more.
func (d Dir) GoneAccounts(destination, job string) string {
	return filepath.Join(string(d), "gone", destination, job+".json")
}

// Make creates the directory. Nobody else may look into it: it holds secrets, and names of everybody's files.
func (d Dir) Make() error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return d.Fault(err)
	}
	return nil
}

// Fault explains errors about the state directory.
func (d Dir) Fault(err error) error {
	err = fmt.Errorf("state directory: %w", err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return exit.Hinted(err, "run as root, or choose places of your own with --state-dir and --config")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return exit.Hinted(err, "make room below "+string(d)+", or choose another place with --state-dir")
	}
	return err
}

// SaveSecret keeps a destination's password.
func (d Dir) SaveSecret(name, password string) error {
	path := d.Secret(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return d.Fault(err)
	}
	if err := config.WriteFile(path, []byte(password+"\n")); err != nil {
		return d.Fault(err)
	}
	return nil
}

// Password finds a destination's password: empty if none is kept.
func (d Dir) Password(c *config.Destination) (string, error) {
	if c.PasswordFile != "" {
		return ReadSecret(c.PasswordFile)
	}
	password, err := ReadSecret(d.Secret(c.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return password, err
}

// maxSecret bounds a password file.
const maxSecret = 64 << 10

// ReadSecret reads the first line of a file.
func ReadSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	if err := Private("password:", path); err != nil {
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

// RemoveSecret forgets a destination's password, if one is kept.
func (d Dir) RemoveSecret(name string) error {
	if err := os.Remove(d.Secret(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.Fault(err)
	}
	return nil
}

// Private refuses a file with a secret that others could have read or written, as OpenSSH does.
func Private(what, file string) error {
	if file == "" {
		return nil
	}
	if err := config.Private(file); err != nil {
		return exit.With(fmt.Errorf("%s %w", what, err), exit.Usage, "")
	}
	return nil
}
