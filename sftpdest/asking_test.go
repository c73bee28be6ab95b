package sftpdest

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/sshdtest"
)

func TestWrongPasswordIsAskedForAgainInOneConnection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		local sshdtest.LocalOptions
		typed []Secret
		ok    bool
	}{
		"right at last":            {sshdtest.LocalOptions{Password: secret}, []Secret{"wrong", "wrong too", secret}, true},
		"right at last, questions": {sshdtest.LocalOptions{Interactive: secret}, []Secret{"wrong", secret}, true},
		"never right":              {sshdtest.LocalOptions{Password: secret, Interactive: secret}, []Secret{"a", "b", "c", secret}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLocal(t, c.local)
			s := localSettings(l)
			typed := 0
			s.PasswordTries = 3
			s.AskPassword = func(context.Context) (Secret, error) {
				typed++
				return c.typed[typed-1], nil
			}
			dials := 0
			o := Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				dials++
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}}
			err := newDest(t, s, o).Connect(t.Context())
			if c.ok && err != nil || !c.ok && !errors.Is(err, dest.ErrAuth) {
				t.Error(err)
			}
			if dials != 1 || typed > 3 || l.Logins() > 3 {
				t.Errorf("%d connections, %d typed, %d sent", dials, typed, l.Logins())
			}
		})
	}
}

func TestWhoTypesHasMoreTimeThanTheServer(t *testing.T) {
	t.Parallel()
	l := startLocal(t, sshdtest.LocalOptions{Password: secret})
	s := localSettings(l)
	s.ConnectionTimeout = 500 * time.Millisecond
	s.AskPassword = func(context.Context) (Secret, error) {
		time.Sleep(time.Second)
		return secret, nil
	}
	if err := newDest(t, s, Options{}).Connect(t.Context()); err != nil {
		t.Error(err)
	}
}
