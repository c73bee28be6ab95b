package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

// UnreachableError says why no connection could be had.
type UnreachableError struct {
	Address string // host:port
	Err     error
	Unknown bool // a connection was there and was lost under a request that is not repeated
}

func (e *UnreachableError) Error() string {
	return "connect " + e.Address + ": " + plain(e.Err)
}

// Unwrap makes it dest.ErrUnreachable.
func (e *UnreachableError) Unwrap() []error {
	return []error{dest.ErrUnreachable, foreign.Unended(e.Err)}
}

// Is makes it dest.ErrConnectionLost where the request may have been done.
func (e *UnreachableError) Is(target error) bool {
	return e.Unknown && target == dest.ErrConnectionLost
}

// Hint tells the cure.
func (e *UnreachableError) Hint() string {
	var name *net.DNSError
	var none *ssh.AlgorithmNegotiationError
	var noSFTP *session.NoSFTPError
	switch {
	case errors.As(e.Err, &name):
		return "check the host's name"
	case errors.As(e.Err, &none):
		return "the server knows old algorithms only: update it, or accept the risk with legacy-algorithms (destination add --legacy-algorithms)"
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return "check the port, and that the SSH server runs"
	case errors.Is(e.Err, session.ErrNoSubsystem):
		return "the server must allow SFTP for this user"
	case errors.As(e.Err, &noSFTP):
		return noSFTP.Hint()
	case errors.Is(e.Err, wire.ErrMalformed):
		return "what answers there does not speak SFTP as it is written down: ask who runs the server"
	case errors.Is(e.Err, session.ErrNoReply), errors.Is(e.Err, dest.ErrNoAnswer), errors.Is(e.Err, session.ErrSlow):
		return "the server takes connections and does not answer in time: look what it does, or raise connection-timeout"
	}
	return "check host, port and firewall; some servers block an address for a while after failed log-ins"
}

// plain says in words what package net says in several layers.
func plain(err error) string {
	var name *net.DNSError
	var timeout net.Error
	var none *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &none):
		return fmt.Sprintf("no common algorithm for %s: the server offers %s", none.What, foreign.Show(strings.Join(none.RequestedAlgorithms, ", ")))
	case errors.As(err, &name) && name.IsNotFound:
		return "no such host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection closed by the other side"
	}
	return err.Error()
}

// AuthError says that the server refused the user.
type AuthError struct {
	Username string
	Address  string
	Methods  []string // tried, in order
	Unasked  bool     // there was something to log in with, of a kind that the server does not take
	Err      error
}

func (e *AuthError) Error() string {
	tried := "nothing to log in with"
	switch {
	case len(e.Methods) > 0:
		tried = "tried " + strings.Join(e.Methods, ", ")
	case e.Unasked:
		tried = "the server takes nothing of the kind that was given"
	}
	s := fmt.Sprintf("log in as %s@%s: %v (%s)", e.Username, e.Address, dest.ErrAuth, tried)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes it dest.ErrAuth.
func (e *AuthError) Unwrap() []error {
	if e.Err == nil {
		return []error{dest.ErrAuth}
	}
	return []error{dest.ErrAuth, foreign.Unended(e.Err)}
}

// Hint tells the cure.
func (e *AuthError) Hint() string {
	switch {
	case e.Unasked:
		return "give an identity file instead of a password, or a password instead of a key"
	case len(e.Methods) == 0:
		return "give an identity file or a password"
	}
	return "check the username, and that the server knows the key or password"
}

// HostKeyError says that the server's key is not one that was confirmed.
type HostKeyError struct {
	Address string
	Offered string   // type and fingerprint, or "" if the server has no key of a known type any more
	Known   []string // the same, of the keys that were confirmed; none: nothing was confirmed yet
	Err     error    // what is wrong with a certificate; nil: it was a plain key
}

func (e *HostKeyError) Error() string {
	offered := e.Offered
	if offered == "" {
		offered = "none of a known type"
	}
	if e.Err != nil {
		return fmt.Sprintf("host key of %s: it offers %s, known is %s: %v",
			e.Address, offered, strings.Join(e.Known, ", "), e.Err)
	}
	if len(e.Known) == 0 {
		return fmt.Sprintf("host key of %s is not known: it offers %s", e.Address, offered)
	}
	return fmt.Sprintf("host key of %s changed: it offers %s, known is %s",
		e.Address, offered, strings.Join(e.Known, ", "))
}

// Unwrap makes it dest.ErrAuth.
func (e *HostKeyError) Unwrap() error { return dest.ErrAuth }

// Hint tells the cure.
func (e *HostKeyError) Hint() string {
	if len(e.Known) == 0 {
		return "compare the fingerprint with what the server's owner says, and confirm it"
	}
	return "somebody may be listening in: ask the server's owner, and only if it was changed on purpose correct `host-key` in the configuration"
}

// IdentityError says that the private key cannot be used.
type IdentityError struct {
	File string
	Err  error
}

func (e *IdentityError) Error() string {
	var at *os.PathError
	if errors.As(e.Err, &at) {
		return fmt.Sprintf("identity file %s: %v", foreign.Show(e.File), at.Err)
	}
	return fmt.Sprintf("identity file %s: %v", foreign.Show(e.File), e.Err)
}

// Unwrap makes it dest.ErrAuth. That a local file is missing must not look like a missing remote one.
func (e *IdentityError) Unwrap() error { return dest.ErrAuth }

// Hint tells the cure.
func (e *IdentityError) Hint() string {
	return "the identity file must be a private key that this user can read, with its passphrase if it has one"
}
