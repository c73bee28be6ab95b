package sftpdest

import (
	"fmt"
	"io/fs"

	"slotfs/sftpdest/foreign"
)

// MissingError says that the destination's directory is not there.
type MissingError struct {
	Directory string
	Address   string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("directory %s on %s: %v", foreign.Show(e.Directory), e.Address, fs.ErrNotExist)
}

// Unwrap makes it fs.ErrNotExist.
func (e *MissingError) Unwrap() error { return fs.ErrNotExist }

// Hint tells the cure.
func (e *MissingError) Hint() string {
	return "create the directory, or correct it in the destination's settings; without a leading '/' it counts from the remote home"
}

// PermissionError says that the server does not let the user into the destination's directory.
type PermissionError struct {
	Directory string
	Username  string
	Address   string
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("directory %s on %s: %v", foreign.Show(e.Directory), e.Address, fs.ErrPermission)
}

// Unwrap makes it fs.ErrPermission.
func (e *PermissionError) Unwrap() error { return fs.ErrPermission }

// Hint tells the cure.
func (e *PermissionError) Hint() string {
	return "let " + e.Username + " read the directory on the server, or log in as the user that owns it"
}
