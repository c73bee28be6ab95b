package destinations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/state"
	"slotfs/sftpdest"
	"slotfs/sftpdest/auth"
)

// Login says how a destination is logged in to where no key is installed yet. Without a password and Ask it is by the identity file or the
// agent.
type Login struct {
	Password string
	Ask      bool // a person types the password
	Keep     bool // the password is kept in place of a key that is installed
}

// tryLogin tries the destination with the password, which may be asked for.
func (a *attempt) tryLogin(ctx context.Context, others *config.Config) error {
	a.remote.HostKeys, a.remote.Password = a.d.HostKeys, sftpdest.Secret(a.login.Password)
	if a.login.Ask {
		a.askAgain()
	}
	if err := a.try(ctx, others); err != nil {
		return err
	}
	a.remote.Password, a.remote.AskPassword = sftpdest.Secret(a.login.Password), nil
	return nil
}

// askAgain has a password typed when the server wants it, and again where it refuses it, as often as ssh does, in one connection:
// some servers block an address for a while after a few that failed.
func (a *attempt) askAgain() {
	const tries = 3
	a.remote.PasswordTries = tries
	a.remote.AskPassword = func(ctx context.Context) (sftpdest.Secret, error) {
		if a.login.Password != "" {
			a.notef("The server refuses it; again, please")
		}
		var err error
		a.login.Password, err = a.secret(ctx, fmt.Sprintf("Password of %s@%s: ", a.d.Username, a.d.Host))
		if err == nil && a.login.Password == "" {
			err = exit.Usagef("password: empty")
		}
		return sftpdest.Secret(a.login.Password), err
	}
}

// passphrase tells where the passphrase of the private key comes from. typed reports whether a person typed it.
func (a *attempt) passphrase() (typed func() bool, err error) {
	var got sftpdest.Secret
	typed = func() bool { return got != "" }
	if a.d.PassphraseFile != "" {
		text, err := state.ReadSecret(a.d.PassphraseFile)
		a.remote.Passphrase = sftpdest.Secret(text)
		return typed, err
	}
	if a.d.IdentityFile != "" && a.Person != nil {
		// It logs in a second time where a key is installed.
		file := a.d.IdentityFile
		a.remote.AskPassphrase = func(ctx context.Context) (sftpdest.Secret, error) {
			if typed() {
				return got, nil
			}
			text, err := a.secret(ctx, fmt.Sprintf("Passphrase of %s: ", file))
			got = sftpdest.Secret(text)
			return got, err
		}
	}
	return typed, nil
}

// install makes a key, has the server accept it, and proves it. From then on the destination needs no secret that
// somebody typed. What fails leaves nothing behind, neither there nor here; what is killed leaves a note that tells where the
// key may lie, and the key, which the next attempt takes.
func (a *attempt) install(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	comment := "slotfs-" + a.d.Name + "@" + host
	made, err := a.makeKey(comment)
	if err != nil {
		return err
	}
	written := a.d.Engine == config.SlotsEngine
	got, err := sftpdest.InstallKey(ctx, a.remote, a.Connector.ConnectionOptions(a.d), a.State.Key(a.d.Name), comment, !written)
	if err != nil {
		if made {
			err = errors.Join(err, a.State.RemoveKey(a.d.Name))
		}
		return a.explainRefusal(err)
	}
	a.d.IdentityFile, a.d.PassphraseFile = "", ""
	only := ""
	switch {
	case got.ReadOnly:
		only = ", for reading by SFTP only"
	case got.OnlySFTP:
		only = ", for SFTP only"
	}
	a.notef("Installed a key of its own%s, and logged in with it", only)
	if !written && !got.ReadOnly {
		a.warnf("the server does not limit the key to reading: whoever has it can change and delete what %s can", a.d.Username)
	}
	return nil
}

// explainRefusal says what helps where the server does not take the key.
func (a *attempt) explainRefusal(err error) error {
	var refused *auth.KeyRefusedError
	if !errors.As(err, &refused) {
		return err
	}
	hint := "give --keep-password to store the password instead"
	if a.remote.Password == "" {
		hint = "give --passphrase-file, or a key without a passphrase"
	}
	return exit.Hinted(err, hint+"; "+refused.Hint())
}

// makeKey makes the key of a destination, which it reports, or takes the one that is there: of an attempt that was cut off, or
// to be installed anew. It notes where that is about to be.
func (a *attempt) makeKey(comment string) (made bool, err error) {
	if _, err := auth.PublicLine(a.State.Key(a.d.Name)); err != nil {
		key, err := auth.NewKey(comment)
		if err != nil {
			return false, err
		}
		if err := a.State.SaveKey(a.d.Name, key); err != nil {
			return true, err
		}
		made = true
	}
	return made, a.State.SavePending(a.d)
}

// unauthorize takes the key that was installed away from the server. password may be empty; a key that may only read cannot take
// itself away. The error says why it stays there; the destination can be forgotten all the same.
func (e *Editor) unauthorize(ctx context.Context, d *config.Destination, password string) error {
	found, err := e.removeKeyBy(ctx, d, password)
	if errors.Is(err, fs.ErrPermission) && password == "" && e.Person != nil {
		prompt := fmt.Sprintf("The key may only read. Password of %s@%s: ", d.Username, d.Host)
		if password, err = e.secret(ctx, prompt); err == nil {
			found, err = e.removeKeyBy(ctx, d, password)
		}
	}
	switch {
	case err != nil:
		e.notef("The key stays on the server: %v", err)
		if line, lineErr := auth.PublicLine(e.State.Key(d.Name)); lineErr == nil {
			e.notef("Its line in .ssh/authorized_keys of %s ends with: %s", d.Username, line)
		}
		err = fmt.Errorf("destination %s: its key stays on the server", d.Name)
		return exit.With(err, exit.Partial, "delete the line there; a key that may only read is taken away with --password-stdin or --password-file")
	case found:
		e.notef("Took the key away from the server")
	default:
		e.notef("The server does not have the key any more")
	}
	return nil
}

// removeKeyBy logs in with the password, or with the key itself, and reports whether the key was there.
func (e *Editor) removeKeyBy(ctx context.Context, d *config.Destination, password string) (bool, error) {
	remote, o, err := once(e.Connector, d)
	if err != nil {
		return false, err
	}
	if password != "" {
		remote.IdentityFile, remote.Password = "", sftpdest.Secret(password)
	}
	return sftpdest.RemoveKey(ctx, remote, o, e.State.Key(d.Name))
}

// once is how a destination is connected to by whoever does not want to wait for an outage.
func once(c Connector, d *config.Destination) (sftpdest.Settings, sftpdest.Options, error) {
	remote, err := c.ConnectionSettings(d)
	remote.MaxRetries = 1
	return remote, c.ConnectionOptions(d), err
}
