package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"slotfs/cmd/internal/config"
	"slotfs/indexer/engine/engines"
	"slotfs/sftpdest/auth"
)

// Key is the path of the private key that was made for a destination.
func (d Dir) Key(name string) string { return filepath.Join(string(d), "keys", name) }

// InstalledKey is the path of the private key if there is one, else "".
func (d Dir) InstalledKey(name string) string {
	if _, err := os.Stat(d.Key(name)); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return d.Key(name)
}

// SaveKey keeps a private key, and its public half beside it for people to look at.
func (d Dir) SaveKey(name string, key *auth.Key) error {
	path := d.Key(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return d.Fault(err)
	}
	if err := config.WriteFile(path, key.Private); err != nil {
		return d.Fault(err)
	}
	if err := config.WriteFile(path+".pub", []byte(key.Line+"\n")); err != nil {
		return d.Fault(err)
	}
	return nil
}

// pendingKey is a note about a key that is being installed: the destination as a configuration. It is there until that is done.
func (d Dir) pendingKey(name string) string { return d.Key(name) + ".pending" }

// SavePending notes the destination for which a key is about to be installed, until ClearPending.
func (d Dir) SavePending(c *config.Destination) error {
	noted := *c
	noted.IdentityFile, noted.PassphraseFile, noted.PasswordFile = "", "", "" // it is about the key that was made
	text, err := config.Add(d.pendingKey(c.Name), nil, &noted, engines.Names())
	if err == nil {
		err = config.WriteFile(d.pendingKey(c.Name), text)
	}
	if err != nil {
		return d.Fault(err)
	}
	return nil
}

// Pending is the destination whose key was being installed when an attempt was cut off; nil: there is none.
func (d Dir) Pending(name string) *config.Destination {
	if config.Name(name) != nil {
		return nil
	}
	c, err := config.Load(d.pendingKey(name), engines.Names())
	if err != nil {
		return nil
	}
	return c.Destinations[name]
}

// ClearPending notes that the key of a destination is installed.
func (d Dir) ClearPending(name string) error {
	if err := os.Remove(d.pendingKey(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.Fault(err)
	}
	return nil
}

// RemoveKey forgets a destination's key, if there is one.
func (d Dir) RemoveKey(name string) error {
	for _, path := range []string{d.Key(name), d.Key(name) + ".pub", d.pendingKey(name)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return d.Fault(err)
		}
	}
	return nil
}
