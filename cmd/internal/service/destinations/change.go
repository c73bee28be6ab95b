package destinations

import (
	"context"
	"fmt"
	"slices"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/indexer/engine/engines"
)

// Change says what is changed of a destination.
type Change struct {
	Assignments []string // KEY=VALUE
	Login       *Login   // the key is installed anew, or the password kept; nil: neither
	Trust       Trust
	Untested    bool // nothing is tried
}

// Change changes d, and tells what it is after that. Nothing is written before the new settings were tried. Where the result is not nil it was
// changed, whatever the error.
func (e *Editor) Change(ctx context.Context, d *config.Destination, in Change) (*config.Destination, error) {
	next := *d
	next.HostKeys, next.LocalOrigins = slices.Clone(d.HostKeys), slices.Clone(d.LocalOrigins)
	for _, text := range in.Assignments {
		if err := assign(&next, text); err != nil {
			return nil, exit.With(fmt.Errorf("destination %s: %w", d.Name, err), exit.Usage, "see slotfs destination set --help")
		}
	}
	if err := next.Check(engines.Names()); err != nil {
		return nil, exit.With(fmt.Errorf("destination %s: %w", d.Name, err), exit.Usage, "")
	}
	password := ""
	if !in.Untested {
		var err error
		if password, err = e.prove(ctx, d, &next, &in); err != nil {
			return nil, fmt.Errorf("destination %s: %w", d.Name, err)
		}
	}
	err := e.save(d.Name, password, func(data []byte) ([]byte, error) {
		now, err := config.Parse(e.ConfigPath, data, engines.Names())
		if err != nil {
			return nil, err
		}
		if was := now.Destinations[d.Name]; was == nil || !was.Equal(d) {
			return nil, fmt.Errorf("destination %s: somebody else changed it meanwhile", d.Name)
		}
		return config.Set(e.ConfigPath, data, &next, engines.Names())
	})
	if err == nil {
		err = e.State.ClearPending(d.Name)
	}
	if err != nil {
		return nil, err
	}
	if !sameAccount(d, &next) && e.State.InstalledKey(d.Name) != "" {
		e.notef("The key that slotfs installed stays at %s: delete its line in .ssh/authorized_keys there", d.Address())
	}
	return &next, e.Index.ReloadOwner(ctx)
}

// reaches reports whether two settings lead to one server, user and directory in one way, so that nothing has to be tried.
func reaches(a, b *config.Destination) bool {
	return sameAccount(a, b) && a.Directory == b.Directory && a.IdentityFile == b.IdentityFile && a.PassphraseFile == b.PassphraseFile &&
		a.PasswordFile == b.PasswordFile && a.LegacyAlgorithms == b.LegacyAlgorithms
}

// prove tries what is about to be set: the host key is shown where it is another one, a password installs the key, or is
// returned if it is to be kept.
func (e *Editor) prove(ctx context.Context, d, next *config.Destination, in *Change) (password string, err error) {
	if reaches(d, next) && !in.Trust.given() && in.Login == nil {
		return "", nil
	}
	if err := e.State.Make(); err != nil {
		return "", err
	}
	a := &attempt{Editor: e, d: next, trust: in.Trust, remote: firstLogin(next)}
	if in.Trust.given() || a.moved(ctx, d) {
		if err := a.acceptHost(ctx); err != nil {
			return "", err
		}
	}
	if in.Login != nil {
		a.login = *in.Login
		return a.relogin(ctx)
	}
	if a.remote, _, err = once(e.Connector, next); err != nil {
		return "", err
	}
	return "", a.try(ctx, nil)
}

// relogin logs in with a password, and installs the key of the destination anew or keeps the password, which it returns then.
func (a *attempt) relogin(ctx context.Context) (password string, err error) {
	a.remote.Directory = a.d.Directory
	if err := a.tryLogin(ctx, nil); err != nil {
		return "", err
	}
	if a.login.Keep {
		if a.State.InstalledKey(a.d.Name) != "" {
			if err := a.unauthorize(ctx, a.d, a.login.Password); err != nil {
				return "", err
			}
		}
		return a.login.Password, a.State.RemoveKey(a.d.Name)
	}
	if err := a.install(ctx); err != nil {
		return "", err
	}
	a.d.PasswordFile = ""
	return "", a.State.RemoveSecret(a.d.Name)
}
