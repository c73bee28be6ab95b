package destinations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest/auth"
)

// Trust says which host keys are accepted. Without any of it a person is asked.
type Trust struct {
	Authorities []string // lines of those that sign host certificates
	Fingerprint string   // of the one key that is accepted
	Any         bool     // whatever the server has
}

// given reports whether nobody has to be asked.
func (t *Trust) given() bool { return len(t.Authorities) > 0 || t.Fingerprint != "" || t.Any }

// acceptHost gets what the server proves itself with, and has somebody accept it. All keys of the server are pinned, so
// that one that prefers another of them later raises no alarm; of a fingerprint that was given, that key alone: the
// others are not vouched for.
func (a *attempt) acceptHost(ctx context.Context) (err error) {
	if len(a.trust.Authorities) > 0 {
		a.d.HostKeys = a.trust.Authorities
		return nil
	}
	keys, err := auth.FetchHostKeys(ctx, a.remote, a.Connector.ConnectionOptions(a.d))
	if err != nil {
		return err
	}
	if a.trust.Fingerprint != "" {
		a.d.HostKeys, err = wanted(keys, a.trust.Fingerprint)
		return err
	}
	a.d.HostKeys = nil
	for _, key := range keys {
		a.d.HostKeys = append(a.d.HostKeys, key.Line)
	}
	return a.accept(ctx, keys)
}

// wanted picks the key with a fingerprint.
func wanted(keys []auth.HostKey, want string) ([]string, error) {
	var offered []string
	for _, key := range keys {
		if sameFingerprint(key.Fingerprint, want) {
			return []string{key.Line}, nil
		}
		offered = append(offered, keyText(key))
	}
	err := fmt.Errorf("host key: not the accepted one; the server offers %s", strings.Join(offered, ", "))
	return nil, exit.With(err, exit.Refused, "compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server")
}

// sameFingerprint compares what the server has with what was typed, with or without its prefix.
func sameFingerprint(got, want string) bool {
	trim := func(s string) string {
		return strings.TrimRight(strings.TrimPrefix(strings.TrimSpace(s), "SHA256:"), "=")
	}
	return trim(got) == trim(want)
}

func keyText(key auth.HostKey) string {
	return strings.ToUpper(strings.TrimPrefix(key.Type, "ssh-")) + " " + key.Fingerprint
}

// accept has somebody look at the keys.
func (a *attempt) accept(ctx context.Context, keys []auth.HostKey) error {
	for _, key := range keys {
		a.notef("The host key of %s is %s", a.d.Host, keyText(key))
	}
	if a.trust.Any {
		return nil
	}
	question := "Is that the server's key?"
	if len(keys) > 1 {
		question = "Are those the server's keys?"
	}
	yes, err := false, term.ErrNoTerminal
	if a.Person != nil {
		yes, err = a.Person.Confirm(ctx, question)
	}
	switch {
	case errors.Is(err, term.ErrNoTerminal):
		hint := "give --accept-host-key " + keys[0].Fingerprint + " once you compared it with the server's"
		return exit.With(fmt.Errorf("host key: %w", err), exit.Refused, hint)
	case err != nil:
		return err
	case !yes:
		return exit.With(errors.New("host key: refused"), exit.Refused, "")
	}
	return nil
}

// moved reports whether the server has none of the keys that are known; one that cannot be asked is tried with those.
func (a *attempt) moved(ctx context.Context, was *config.Destination) bool {
	if was.Host == a.d.Host && was.Port == a.d.Port && len(a.d.HostKeys) > 0 {
		return false
	}
	keys, err := auth.FetchHostKeys(ctx, a.remote, a.Connector.ConnectionOptions(a.d))
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(keys, func(k auth.HostKey) bool { return slices.Contains(a.d.HostKeys, k.Line) }) &&
		!slices.ContainsFunc(a.d.HostKeys, func(line string) bool { return strings.HasPrefix(line, "@") })
}
