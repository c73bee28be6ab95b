package auth

import (
	"context"
	"errors"
	"io"
	"net"

	"golang.org/x/crypto/ssh"

	"slotfs/sftpdest/settings"
)

// Login makes a logged-in connection. Its errors are UnreachableError, AuthError, HostKeyError, IdentityError, or ctx's.
func Login(ctx context.Context, s settings.Settings, o settings.Options, p *Pins, creds *Credentials) (*Connection, error) {
	a := &attempt{}
	asks := ctx
	ctx, pauseTimer, cancel := within(ctx, s.ConnectionTimeout)
	defer cancel()
	a.pauseTimer = pauseTimer
	methods, release, err := creds.methods(asks, a)
	defer release()
	if err != nil {
		return nil, err
	}
	config := sshConfig(s)
	config.Auth = methods
	config.HostKeyAlgorithms = p.algorithms()
	var refused error
	trusted := false
	config.HostKeyCallback = func(address string, remote net.Addr, key ssh.PublicKey) error {
		refused = p.check(address, remote, key)
		trusted = refused == nil
		return refused
	}
	c, err := handshake(ctx, s, o, config)
	if err == nil {
		if tried, _ := a.end(); len(tried) > 0 {
			c.Method = tried[len(tried)-1]
		}
		return c, nil
	}
	var none *ssh.AlgorithmNegotiationError
	switch {
	case refused != nil:
		return nil, refused
	case errors.As(err, &none) && len(p.keys)+len(p.authorities) > 0:
		return nil, refusedType(asks, s, o, p, err)
	case trusted && !isNetwork(err):
		tried, cause := a.end()
		if cause == nil {
			cause = a.why(err)
		}
		return nil, &AuthError{Username: s.Username, Address: s.Address(), Methods: tried,
			Unasked: len(tried) == 0 && len(methods) > 0, Err: cause}
	}
	return nil, &UnreachableError{Address: s.Address(), Err: err}
}

// refusedType tells a server that has no key of the pinned types any more from one that shares no other algorithm.
func refusedType(ctx context.Context, s settings.Settings, o settings.Options, p *Pins, err error) error {
	offered, fetchErr := FetchHostKey(ctx, s, o)
	if fetchErr != nil {
		return &UnreachableError{Address: s.Address(), Err: err}
	}
	return p.refuse(offered)
}

// isNetwork tells a connection that broke during the log-in from a refusal. Package ssh has no type for the latter.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
