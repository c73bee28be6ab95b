// Package sftpserver shows what a mount shows by SFTP, read only, to people who have no account on this machine. It knows SSH and
// SFTP requests. It must not know who may see what: whoever serves hands in a tree for each user.
package sftpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/browse"
)

// Users says who may log in, and what each sees. Its methods may be called side by side.
type Users interface {
	// Keys are the public keys that let a user in, as lines of authorized_keys.
	Keys(user string) []string
	// Password reports whether a password lets a user in, and spends it if it may be used once only.
	Password(user, password string) bool
	// Tree is what a user sees.
	Tree(ctx context.Context, user string) (browse.Tree, error)
}

// Limits bound what strangers can take. Those that are 0 have their defaults.
type Limits struct {
	Connections int           // at once; default 64
	PerAddress  int           // of them from one address; default 16
	Handshake   time.Duration // from connecting until the user is logged in; default 30 s
	Idle        time.Duration // without a byte in either direction; default 15 min
	Handles     int           // files and directories that a session has open; default 256
	// Failures is how many log-ins may fail from one address in a row; one more is granted each FailureInterval. Defaults 10
	// and 10 s.
	Failures        int
	FailureInterval time.Duration
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&l.Connections, 64)
	set(&l.PerAddress, 16)
	set(&l.Handles, 256)
	set(&l.Failures, 10)
	for _, d := range []struct {
		v  *time.Duration
		to time.Duration
	}{{&l.Handshake, 30 * time.Second}, {&l.Idle, 15 * time.Minute}, {&l.FailureInterval, 10 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.to
		}
	}
	return l
}

// Options say how to serve.
type Options struct {
	HostKey []byte // private, in OpenSSH's format, without a passphrase
	Users   Users
	Limits  Limits
	Log     *slog.Logger
	// Record takes what users did: log-ins, and the files that a session opened. May be nil. Who is the name of the user.
	Record func(audit.Record)
}

// Server answers on one address.
type Server struct {
	options  Options
	listener net.Listener
	hostKey  ssh.Signer
	doors    *doors
	sessions sync.WaitGroup
}

// Listen takes an address. The error has the cure.
func Listen(address string, o Options) (*Server, error) {
	signer, err := ssh.ParsePrivateKey(o.HostKey)
	if err != nil {
		return nil, fmt.Errorf("sftp-server: host key: %w", err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, exit.Hinted(fmt.Errorf("sftp-server: %w", err), "choose another address with listen in [sftp-server]")
	}
	o.Limits = o.Limits.withDefaults()
	if o.Record == nil {
		o.Record = func(audit.Record) {}
	}
	return &Server{options: o, listener: l, hostKey: signer, doors: newDoors(o.Limits, time.Now)}, nil
}

// Address is where it answers.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Fingerprint is that of the host key, as ssh prints it.
func (s *Server) Fingerprint() string { return ssh.FingerprintSHA256(s.hostKey.PublicKey()) }

// Serve answers until ctx ends, and returns when no session is left.
func (s *Server) Serve(ctx context.Context) error {
	defer s.sessions.Wait()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	for pause := time.Duration(0); ; {
		conn, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("sftp-server: %w", err)
		case err != nil: // no file descriptors left, or the peer is gone already
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.options.Log.Warn("sftp-server", "error", err)
			if !sleep(ctx, pause) {
				return nil
			}
			continue
		}
		pause = 0
		s.sessions.Go(func() { s.answer(ctx, conn) })
	}
}

// sleep reports whether ctx has not ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
