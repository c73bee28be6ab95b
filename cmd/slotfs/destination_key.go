package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/sftpdest"
)

// key is the private key that was made for a destination.
func (d stateDir) key(name string) string { return filepath.Join(string(d), "keys", name) }

// ownKey is the same if there is one, else "".
func (d stateDir) ownKey(name string) string {
	if _, err := os.Stat(d.key(name)); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return d.key(name)
}

// saveKey keeps a private key, and its public half beside it for people to look at.
func (d stateDir) saveKey(name string, key *sftpdest.Key) error {
	path := d.key(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return d.fault(err)
	}
	if err := config.WriteFile(path, key.Private); err != nil {
		return d.fault(err)
	}
	if err := config.WriteFile(path+".pub", []byte(key.Line+"\n")); err != nil {
		return d.fault(err)
	}
	return nil
}

// removeKey forgets a destination's key, if there is one.
func (d stateDir) removeKey(name string) error {
	for _, path := range []string{d.key(name), d.key(name) + ".pub"} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return d.fault(err)
		}
	}
	return nil
}

// passphrase tells where the passphrase of the private key comes from. asked reports whether somebody typed it.
func (a *adding) passphrase(d *config.Destination, remote *sftpdest.Settings) (asked func() bool, err error) {
	var typed sftpdest.Secret
	asked = func() bool { return typed != "" }
	if d.PassphraseFile != "" {
		text, err := readSecret(d.PassphraseFile)
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
// somebody typed. What fails leaves nothing behind, neither there nor here.
func (a *adding) install(ctx context.Context, d *config.Destination, remote sftpdest.Settings) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	comment := "slotfs-" + d.Name + "@" + host
	key, err := sftpdest.NewKey(comment)
	if err != nil {
		return err
	}
	if err := a.state.saveKey(d.Name, key); err != nil {
		return err
	}
	onlySFTP, err := sftpdest.InstallKey(ctx, remote, a.remoteOptions(d), a.state.key(d.Name), comment)
	if err != nil {
		err = errors.Join(err, a.state.removeKey(d.Name))
		var refused *sftpdest.KeyRefusedError
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
	if onlySFTP {
		only = ", for SFTP only"
	}
	fmt.Fprintf(a.err, "Installed a key of its own%s, and logged in with it\n", only)
	return nil
}

// unauthorize takes the key that was installed away from the server. That the server cannot be reached keeps nobody
// from forgetting it.
func (s *settings) unauthorize(ctx context.Context, d *config.Destination) {
	c := *d
	c.MaxRetries = 1
	remote, err := s.remoteSettings(&c)
	found := false
	if err == nil {
		found, err = sftpdest.RemoveKey(ctx, remote, s.remoteOptions(&c), s.state.key(d.Name))
	}
	switch {
	case err != nil:
		fmt.Fprintf(s.err, "The key stays on the server: %v\n", err)
		if line, lineErr := sftpdest.PublicLine(s.state.key(d.Name)); lineErr == nil {
			fmt.Fprintf(s.err, "Its line in .ssh/authorized_keys of %s ends with: %s\n", d.Username, line)
		}
	case found:
		fmt.Fprintln(s.err, "Took the key away from the server")
	default:
		fmt.Fprintln(s.err, "The server does not have the key any more")
	}
}
