// Package sftpdest is the destination contract over SFTP: paths, open files, and what is read and written over the sessions of a pool. It
// must not know what the files mean, nor index, mount or terminal.
//
// Below it, from the bottom up: wire (packets), session (requests in flight on one channel), auth (log-in and host keys) and pool
// (connections, back-off, limits). Package probe measures a destination.
package sftpdest

import (
	"context"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/settings"
)

type (
	// Settings say where a destination is and who logs in.
	Settings = settings.Settings
	// Options are what does not come from the destination's settings.
	Options = settings.Options
	// Secret is a password or passphrase.
	Secret = settings.Secret
)

// The defaults of Settings, for those who read them from a file.
const (
	DefaultPort              = settings.DefaultPort
	DefaultConnectionTimeout = settings.DefaultConnectionTimeout
	DefaultMaxRetries        = settings.DefaultMaxRetries
	DefaultMaxConnections    = settings.DefaultMaxConnections
)

// dial is Dial for package auth.
func dial(ctx context.Context, s Settings, o Options) (dest.ReadWriter, error) {
	return Dial(ctx, s, o)
}

// InstallKey is auth.InstallKey over SFTP.
func InstallKey(ctx context.Context, s Settings, o Options, identity, comment string, reading bool) (auth.Installed, error) {
	return auth.InstallKey(ctx, dial, s, o, identity, comment, reading)
}

// RemoveKey is auth.RemoveKey over SFTP.
func RemoveKey(ctx context.Context, s Settings, o Options, identity string) (bool, error) {
	return auth.RemoveKey(ctx, dial, s, o, identity)
}
