package destinations

import (
	"context"
	"errors"
	"fmt"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/indexer/engine/engines"
	"slotfs/sftpdest"
)

// Adding is a destination that is to be added.
type Adding struct {
	Destination     *config.Destination // without host keys
	Login           Login
	Trust           Trust
	CreateDirectory bool // if it is not there
}

// Added is a destination that was added.
type Added struct {
	*config.Destination
	SecretFile string // where its password is kept; empty: nowhere
}

// Add tries a destination and writes it into the configuration, whose present content is before. Where the result is not nil it was added,
// whatever the error.
func (e *Editor) Add(ctx context.Context, before *config.Config, in Adding) (*Added, error) {
	d := in.Destination
	if old := e.State.Pending(d.Name); old != nil && before.Destinations[d.Name] == nil && !sameAccount(old, d) {
		e.warnf("an earlier attempt was cut off; its key may be in .ssh/authorized_keys at %s", old.Address())
	}
	if before.Destinations[d.Name] != nil {
		return nil, exit.With(fmt.Errorf("destination %s: exists already", d.Name), exit.Usage, "remove it first: slotfs destination remove "+d.Name)
	}
	if err := e.State.Make(); err != nil {
		return nil, err
	}
	a := &attempt{Editor: e, d: d, trust: in.Trust, login: in.Login, create: in.CreateDirectory, remote: firstLogin(d)}
	a.remote.IdentityFile, a.remote.Directory = d.IdentityFile, d.Directory
	if err := a.add(ctx, before); err != nil {
		return nil, fmt.Errorf("destination %s: %w", d.Name, err)
	}
	err := e.save(d.Name, a.login.Password, func(data []byte) ([]byte, error) {
		return config.Add(e.ConfigPath, data, d, engines.Names())
	})
	if err != nil {
		return nil, errors.Join(err, e.State.RemoveSecret(d.Name))
	}
	if err := e.State.ClearPending(d.Name); err != nil {
		return nil, err
	}
	out := &Added{Destination: d}
	if a.login.Password != "" {
		out.SecretFile = e.State.Secret(d.Name)
	}
	return out, e.Index.ReloadOwner(ctx)
}

// attempt is a destination that is tried before it is written down.
type attempt struct {
	*Editor
	d      *config.Destination // gets the host keys that are accepted
	trust  Trust
	login  Login // has the password that was typed last, and in the end the one to keep
	create bool
	remote sftpdest.Settings
}

// firstLogin are the settings of a connection that nothing is known of.
func firstLogin(d *config.Destination) sftpdest.Settings {
	return sftpdest.Settings{Host: d.Host, Port: d.Port, Username: d.Username, ConnectionTimeout: d.ConnectionTimeout, MaxRetries: 1,
		LegacyAlgorithms: d.LegacyAlgorithms}
}

// add tries everything, and installs a key where somebody typed a secret.
func (a *attempt) add(ctx context.Context, others *config.Config) error {
	// A password that is typed is not asked for before it is known whom it goes to.
	if err := a.acceptHost(ctx); err != nil {
		return err
	}
	typed, err := a.passphrase()
	if err != nil {
		return err
	}
	if err := a.tryLogin(ctx, others); err != nil {
		return err
	}
	if a.login.Password != "" && !a.login.Keep || typed() {
		err = a.install(ctx)
		a.login.Password = ""
	}
	return err
}
