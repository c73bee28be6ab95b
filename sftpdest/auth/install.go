package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/settings"
)

// restricted stands before a key that may do nothing but SFTP, readOnly before one that may not even write. They work where the
// server is OpenSSH and has no command of its own for the user (ForceCommand).
const (
	restricted = `restrict,command="internal-sftp" `
	readOnly   = `restrict,command="internal-sftp -R" `
)

// Opener connects to a directory as s says, and proves that it is there.
type Opener func(ctx context.Context, s settings.Settings, o settings.Options) (dest.ReadWriter, error)

// undoTime bounds how long an installation that failed is taken back, also when its caller does not wait any more.
const undoTime = 30 * time.Second

// InstallKey lets the key in the file identity log in as the user that s logs in as: it adds a line to the remote
// authorized_keys and proves it by logging in with nothing but that key. The line restricts the key to SFTP where
// the server knows such lines; with reading, to reading. What came of it is proven, and reported. If the key is not accepted
// everything is as before, and the error is a KeyRefusedError. A line about the key that is there already goes.
func InstallKey(ctx context.Context, open Opener, s settings.Settings, o settings.Options, identity, comment string, reading bool) (got Installed, err error) {
	a, line, err := authorizedOf(ctx, open, s, o, identity)
	if err != nil {
		return got, err
	}
	defer a.home.Close()
	// Changes and log-ins happen together or not at all: ^C takes back what was done.
	defer func() {
		if err == nil {
			return
		}
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
		defer cancel()
		if undoErr := a.undo(undo); undoErr != nil {
			err = errors.Join(err, fmt.Errorf("take the key away again: %w", undoErr))
		}
	}()
	if _, err := a.take(ctx); err != nil { // of an installation that was cut off
		return got, refusedBy(s, err)
	}
	if err := a.prepare(ctx); err != nil {
		return got, refusedBy(s, err)
	}
	kinds := []string{readOnly, restricted, ""}
	if !reading {
		kinds = kinds[1:]
	}
	for _, options := range kinds {
		if err = a.add(ctx, options+line+" "+comment); err != nil {
			return got, refusedBy(s, err)
		}
		if got.ReadOnly, err = prove(ctx, open, s, o, identity, options == readOnly); err == nil {
			got.OnlySFTP = options != ""
			return got, nil
		}
		if ctx.Err() != nil {
			return got, ctx.Err()
		}
		if _, takeErr := a.take(ctx); takeErr != nil {
			return got, refusedBy(s, takeErr)
		}
	}
	if errors.Is(err, dest.ErrAuth) {
		err = a.refused(ctx)
	}
	return got, err
}

// Installed is what a key that was installed may do.
type Installed struct {
	OnlySFTP bool // the server takes the line that restricts it
	ReadOnly bool // it was refused to write what its user may write
}

// authorizedOf connects as s says, for lines about the key in the file identity; line is its public half.
func authorizedOf(ctx context.Context, open Opener, s settings.Settings, o settings.Options, identity string) (a *authorized, line string, err error) {
	if line, err = PublicLine(identity); err != nil {
		return nil, "", err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, "", &IdentityError{File: identity, Err: err}
	}
	s.Directory, s.MaxConnections = "", 1
	d, err := open(ctx, s, o)
	if err != nil {
		return nil, "", err
	}
	return &authorized{home: d, settings: s, log: o.WithDefaults().Log, key: key}, line, nil
}

// prove logs in with the key alone. With reading it tries whether the key can open a file for writing that its user could
// write to a moment ago.
func prove(ctx context.Context, open Opener, s settings.Settings, o settings.Options, identity string, reading bool) (refused bool, err error) {
	s.IdentityFile, s.Passphrase, s.AskPassphrase = identity, "", nil
	s.Password, s.AskPassword = "", nil
	s.MaxRetries = 1
	o.AgentPath = ""
	s.Directory, s.MaxConnections = "", 1
	d, err := open(ctx, s, o)
	if err != nil {
		return false, err
	}
	defer d.Close()
	if !reading {
		return false, nil
	}
	out, err := d.Create(ctx, authorizedKeys, dest.Create{Existing: true})
	if errors.Is(err, fs.ErrPermission) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, out.Close(ctx)
}

// refused says why the server may not take a key that is in its place.
func (a *authorized) refused(ctx context.Context) error {
	e := &KeyRefusedError{Address: a.settings.Address(), Username: a.settings.Username,
		Reason: "it was written to " + authorizedKeys + ", and the server does not accept it"}
	if home, err := a.home.Stat(ctx, ""); err == nil && home.Mode&0o022 != 0 {
		e.Reason += "; others can write to the home directory, which OpenSSH does not allow"
	}
	return e
}

// refusedBy tells a server that does not let us write the key from one that went away.
func refusedBy(s settings.Settings, err error) error {
	if errors.Is(err, dest.ErrUnreachable) || errors.Is(err, dest.ErrAuth) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &KeyRefusedError{Address: s.Address(), Username: s.Username, Reason: err.Error()}
}

// KeyRefusedError says that a server does not let a key be installed over SFTP. Nothing of it stays behind.
type KeyRefusedError struct {
	Address  string
	Username string
	Reason   string
}

func (e *KeyRefusedError) Error() string {
	return fmt.Sprintf("install a key for %s@%s: %s", e.Username, e.Address, e.Reason)
}

// Unwrap makes it dest.ErrAuth.
func (e *KeyRefusedError) Unwrap() error { return dest.ErrAuth }

// Hint tells the cure.
func (e *KeyRefusedError) Hint() string {
	return "some providers keep keys in their panel, want them in RFC 4716 format or on another port, or have no home directory"
}

// RemoveKey takes the key in the file identity out of the remote authorized_keys, logging in as s says. It reports
// whether it was there.
func RemoveKey(ctx context.Context, open Opener, s settings.Settings, o settings.Options, identity string) (bool, error) {
	a, _, err := authorizedOf(ctx, open, s, o, identity)
	if err != nil {
		return false, err
	}
	defer a.home.Close()
	found, err := a.take(ctx)
	if err != nil {
		return found, fmt.Errorf("remove key from %s: %w", a.settings.Address(), err)
	}
	return found, nil
}
