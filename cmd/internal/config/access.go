package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// AccessError says that a file is not safe from others, so that it is not used.
type AccessError struct {
	Path string
	What string // that is wrong
	Cure string
}

func (e *AccessError) Error() string { return fmt.Sprintf("%s: %s", e.Path, e.What) }

// Hint tells the cure.
func (e *AccessError) Hint() string { return e.Cure }

// Private refuses a file with a secret that somebody else may read or write, as OpenSSH does with private keys. What else may be
// wrong with it is for whoever reads it to say; what is no file (a pipe, a terminal) belongs to who made it.
func Private(path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if info.Mode().Perm()&0o077 != 0 {
		return &AccessError{path, fmt.Sprintf("its permissions %#o are too open", info.Mode().Perm()), "chmod 600 " + path}
	}
	return owned(path, info)
}

// runAsYou is why a configuration must not be written by others.
const runAsYou = ", and its commands run as you"

// Safe refuses a configuration that somebody else may write, or exchange: its commands run with our rights.
func Safe(path string) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if err := unwritable(path, info, runAsYou); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if info, err = os.Stat(dir); err != nil {
		return nil
	}
	if info.Mode()&fs.ModeSticky != 0 {
		return nil // nobody else can rename what is in it
	}
	return unwritable(dir, info, runAsYou)
}

// Unwritable refuses a file that others may write, or a directory in which they could exchange what is in it.
func Unwritable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return unwritable(path, info, "")
}

// unwritable refuses what others may write, and says what that would let them do. A group of its own may write a user's file, but not root's.
func unwritable(path string, info fs.FileInfo, then string) error {
	others := fs.FileMode(0o022)
	if os.Geteuid() != 0 {
		others = 0o002
	}
	if info.Mode().Perm()&others != 0 {
		return &AccessError{path, fmt.Sprintf("others may write it (mode %#o)%s", info.Mode().Perm(), then), "chmod go-w " + path}
	}
	return owned(path, info)
}

// owned refuses what belongs to somebody other than root and us.
func owned(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 || int(st.Uid) == os.Geteuid() {
		return nil
	}
	return &AccessError{path, fmt.Sprintf("it belongs to another user (uid %d)", st.Uid), fmt.Sprintf("chown %d %s", os.Geteuid(), path)}
}
