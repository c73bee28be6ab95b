package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest"
	"slotfs/sftpdest/auth"
)

// passphrase tells where the passphrase of the private key comes from. asked reports whether somebody typed it.
func (a *adding) passphrase(d *config.Destination, remote *sftpdest.Settings) (asked func() bool, err error) {
	var typed sftpdest.Secret
	asked = func() bool { return typed != "" }
	if d.PassphraseFile != "" {
		text, err := state.ReadSecret(d.PassphraseFile)
		remote.Passphrase = sftpdest.Secret(text)
		return asked, err
	}
	if d.IdentityFile != "" && a.terminal.Interactive {
		// It logs in a second time where a key is installed.
		remote.AskPassphrase = func(ctx context.Context) (sftpdest.Secret, error) {
			if asked() {
				return typed, nil
			}
			text, err := a.terminal.Secret(ctx, fmt.Sprintf("Passphrase of %s: ", d.IdentityFile))
			typed = sftpdest.Secret(text)
			return typed, err
		}
	}
	return asked, nil
}

// install makes a key, has the server accept it, and proves it. From then on the destination needs no secret that
// somebody typed. What fails leaves nothing behind, neither there nor here; what is killed leaves a note that tells where the
// key may lie, and the key, which the next attempt takes.
func (a *adding) install(ctx context.Context, d *config.Destination, remote sftpdest.Settings) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	comment := "slotfs-" + d.Name + "@" + host
	made, err := a.makeKey(d, comment)
	if err != nil {
		return err
	}
	got, err := sftpdest.InstallKey(ctx, remote, a.ConnectionOptions(d), a.State.Key(d.Name), comment, d.Engine != config.SlotsEngine)
	if err != nil {
		if made {
			err = errors.Join(err, a.State.RemoveKey(d.Name))
		}
		var refused *auth.KeyRefusedError
		if errors.As(err, &refused) {
			hint := "give --keep-password to store the password instead"
			if remote.Password == "" {
				hint = "give --passphrase-file, or a key without a passphrase"
			}
			return exit.Hinted(err, hint+"; "+refused.Hint())
		}
		return err
	}
	d.IdentityFile, d.PassphraseFile = "", ""
	only := ""
	switch {
	case got.ReadOnly:
		only = ", for reading by SFTP only"
	case got.OnlySFTP:
		only = ", for SFTP only"
	}
	fmt.Fprintf(a.err, "Installed a key of its own%s, and logged in with it\n", only)
	if d.Engine != config.SlotsEngine && !got.ReadOnly {
		fmt.Fprintf(a.err, "Warning: the server does not limit the key to reading: whoever has it can change and delete what %s can\n", term.Clean(d.Username))
	}
	return nil
}

// makeKey makes the key of a destination, which it reports, or takes the one that is there: of an attempt that was cut off, or
// to be installed anew. It notes where that is about to be.
func (a *adding) makeKey(d *config.Destination, comment string) (made bool, err error) {
	if _, err := auth.PublicLine(a.State.Key(d.Name)); err != nil {
		key, err := auth.NewKey(comment)
		if err != nil {
			return false, err
		}
		if err := a.State.SaveKey(d.Name, key); err != nil {
			return true, err
		}
		made = true
	}
	return made, a.State.SavePending(d)
}

// unauthorize takes the key that was installed away from the server. password may be empty; a key that may only read cannot take
// itself away. The error says why it stays there; the destination can be forgotten all the same.
func (s *settings) unauthorize(ctx context.Context, d *config.Destination, password string) error {
	found, err := s.removeKeyBy(ctx, d, password)
	if errors.Is(err, fs.ErrPermission) && password == "" && s.terminal.Interactive {
		prompt := fmt.Sprintf("The key may only read. Password of %s@%s: ", term.Clean(d.Username), d.Host)
		if password, err = s.terminal.Secret(ctx, prompt); err == nil {
			found, err = s.removeKeyBy(ctx, d, password)
		}
	}
	switch {
	case err != nil:
		fmt.Fprintf(s.err, "The key stays on the server: %s\n", term.Clean(err.Error()))
		if line, lineErr := auth.PublicLine(s.State.Key(d.Name)); lineErr == nil {
			fmt.Fprintf(s.err, "Its line in .ssh/authorized_keys of %s ends with: %s\n", term.Clean(d.Username), line)
		}
		err = fmt.Errorf("destination %s: its key stays on the server", d.Name)
		return exit.With(err, exit.Partial, "delete the line there; a key that may only read is taken away with --password-stdin or --password-file")
	case found:
		fmt.Fprintln(s.err, "Took the key away from the server")
	default:
		fmt.Fprintln(s.err, "The server does not have the key any more")
	}
	return nil
}

// removeKeyBy logs in with the password, or with the key itself, and reports whether the key was there.
func (s *settings) removeKeyBy(ctx context.Context, d *config.Destination, password string) (bool, error) {
	c := *d
	c.MaxRetries = 1
	remote, err := s.ConnectionSettings(&c)
	if err != nil {
		return false, err
	}
	if password != "" {
		remote.IdentityFile, remote.Password = "", sftpdest.Secret(password)
	}
	return sftpdest.RemoveKey(ctx, remote, s.ConnectionOptions(&c), s.State.Key(d.Name))
}
