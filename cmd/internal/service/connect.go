package service

import (
	"fmt"
	"os"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/state"
	"slotfs/sftpdest"
)

// ConnectionSettings are a destination's settings as sftpdest takes them.
func (e *Environment) ConnectionSettings(c *config.Destination) (sftpdest.Settings, error) {
	out := sftpdest.Settings{
		Host: c.Host, Port: c.Port, Username: c.Username, Directory: c.Directory, IdentityFile: c.IdentityFile,
		ConnectionTimeout: c.ConnectionTimeout, MaxRetries: c.MaxRetries, MaxConnections: c.MaxConnections,
		LegacyAlgorithms: c.LegacyAlgorithms,
	}
	out.HostKeys = c.HostKeys
	if out.IdentityFile == "" {
		out.IdentityFile = e.State.InstalledKey(c.Name)
	}
	if err := state.Private("identity file", out.IdentityFile); err != nil {
		return out, err
	}
	if c.PassphraseFile != "" {
		passphrase, err := state.ReadSecret(c.PassphraseFile)
		if err != nil {
			return out, fmt.Errorf("passphrase: %w", err)
		}
		out.Passphrase = sftpdest.Secret(passphrase)
	}
	password, err := e.State.Password(c)
	if err != nil {
		return out, err
	}
	out.Password = sftpdest.Secret(password)
	return out, nil
}

// Connect makes a destination. It connects with its first use. known says that it worked before, so that an outage is
// waited for.
func (e *Environment) Connect(c *config.Destination, known bool) (*sftpdest.Destination, error) {
	settings, err := e.ConnectionSettings(c)
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", c.Name, err)
	}
	o := e.ConnectionOptions(c)
	o.Known = known
	d, err := sftpdest.New(settings, o)
	if err != nil {
		return nil, exit.With(fmt.Errorf("destination %s: %w", c.Name, err), exit.Usage, "")
	}
	return d, nil
}

// ConnectionOptions are what a connection needs beside its settings.
func (e *Environment) ConnectionOptions(c *config.Destination) sftpdest.Options {
	return sftpdest.Options{Log: e.Log.With("destination", c.Name), AgentPath: os.Getenv("SSH_AUTH_SOCK"), Processors: e.Processors}
}
