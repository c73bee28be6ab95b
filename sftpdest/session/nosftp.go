package session

import (
	"fmt"

	"slotfs/sftpdest/foreign"
)

// NoSFTPError says that the server let the user in and does not speak SFTP with him: a login script prints something, a command
// is forced, or the account lacks something.
type NoSFTPError struct {
	Said   string // by the server, instead of SFTP or on its standard error; may be empty
	Status int    // that it ended with; -1: it did not tell
	Err    error
}

func (e *NoSFTPError) Error() string {
	switch {
	case e.Said == "" && e.Status >= 0:
		return fmt.Sprintf("start sftp: the server ends the Session with status %d and says nothing", e.Status)
	case e.Said == "":
		return fmt.Sprintf("start sftp: %v", e.Err)
	}
	return "start sftp: the server says " + foreign.Show(e.Said)
}

// Unwrap gives the cause.
func (e *NoSFTPError) Unwrap() error { return foreign.Unended(e.Err) }

// Hint tells the cure.
func (e *NoSFTPError) Hint() string {
	return "log in with `sftp` and see: login scripts must print nothing where there is no terminal (.bashrc), no other command may be forced, and the account must not ask for a new password"
}
