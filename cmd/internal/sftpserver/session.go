package sftpserver

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
	"slotfs/indexer/contain"
)

// authTries is how many keys and passwords a connection may offer: agents offer all keys that they have.
const authTries = 8

// channels is how many SFTP sessions a connection may have.
const channels = 8

var errRefused = errors.New("user or password is wrong")

// answer serves one connection.
func (s *Server) answer(ctx context.Context, raw net.Conn) {
	defer raw.Close()
	from := login.AddressOf(raw.RemoteAddr())
	if !s.doors.enter(from) {
		return
	}
	defer s.doors.leave(from)
	conn := &idleConn{Conn: raw, idle: s.options.Limits.Idle}
	conn.until(time.Now().Add(s.options.Limits.Handshake))
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	err := contain.Do(func() error {
		client, opened, requests, err := ssh.NewServerConn(conn, s.config(raw, from))
		if err != nil {
			return nil // strangers try all day long; what matters of it was recorded
		}
		conn.until(time.Time{})
		go ssh.DiscardRequests(requests)
		s.options.Record(audit.Record{Who: client.User(), From: "sftp " + raw.RemoteAddr().String(), Action: audit.Login})
		s.channels(ctx, client, opened)
		return nil
	})
	if err != nil {
		s.options.Log.Error("sftp-server", "error", err, "stack", contain.Stack(err))
	}
}

// config has a user log in on the connection raw by key or password.
func (s *Server) config(raw net.Conn, from netip.Prefix) *ssh.ServerConfig {
	c := &ssh.ServerConfig{
		MaxAuthTries:  authTries,
		ServerVersion: "SSH-2.0-slotfs",
		PublicKeyCallback: func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !accepts(s.options.Users.Keys(m.User()), key) {
				return nil, errRefused
			}
			return &ssh.Permissions{}, nil
		},
		PasswordCallback: func(m ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if s.options.Users.Password(m.User(), string(password)) {
				return &ssh.Permissions{}, nil
			}
			s.options.Record(audit.Record{Who: m.User(), From: "sftp " + m.RemoteAddr().String(), Action: audit.Refused})
			if !s.doors.failed(from) {
				raw.Close()
			}
			return nil, errRefused
		},
	}
	c.AddHostKey(s.hostKey)
	return c
}

// accepts reports whether key is one of the lines of authorized_keys.
func accepts(lines []string, key ssh.PublicKey) bool {
	found := 0
	for _, line := range lines {
		known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err == nil {
			found |= subtle.ConstantTimeCompare(known.Marshal(), key.Marshal())
		}
	}
	return found == 1
}

// channels serves the SFTP sessions of a connection until it ends.
func (s *Server) channels(ctx context.Context, client *ssh.ServerConn, opened <-chan ssh.NewChannel) {
	ctx, cancel := context.WithCancel(ctx)
	var sessions sync.WaitGroup
	defer func() {
		client.Close()
		cancel()
		sessions.Wait()
	}()
	free := make(chan struct{}, channels)
	for asked := range opened {
		if asked.ChannelType() != "session" {
			_ = asked.Reject(ssh.UnknownChannelType, "this server forwards nothing")
			continue
		}
		select {
		case free <- struct{}{}:
		default:
			_ = asked.Reject(ssh.ResourceShortage, fmt.Sprintf("at most %d sessions in a connection", channels))
			continue
		}
		channel, requests, err := asked.Accept()
		if err != nil {
			return
		}
		sessions.Go(func() {
			defer func() { <-free }()
			err := contain.Do(func() error { s.session(ctx, client, channel, requests); return nil })
			if err != nil {
				s.options.Log.Error("sftp-server", "user", client.User(), "error", err, "stack", contain.Stack(err))
			}
			channel.Close()
		})
	}
}

// session waits for the request of the SFTP subsystem, and serves it.
func (s *Server) session(ctx context.Context, client *ssh.ServerConn, channel ssh.Channel, requests <-chan *ssh.Request) {
	for r := range requests {
		wanted := struct{ Name string }{}
		isSFTP := r.Type == "subsystem" && ssh.Unmarshal(r.Payload, &wanted) == nil && wanted.Name == "sftp"
		isCommand := r.Type == "shell" || r.Type == "exec"
		reply(r, isSFTP || isCommand) // a refused command would leave its caller without the reason
		switch {
		case isSFTP:
			go ssh.DiscardRequests(requests)
			s.serveSFTP(ctx, client, channel)
			return
		case isCommand:
			fmt.Fprintln(channel.Stderr(), "this server answers SFTP alone")
			sendStatus(channel, 1)
			return
		}
	}
}

func reply(r *ssh.Request, ok bool) {
	if r.WantReply {
		_ = r.Reply(ok, nil) // the connection is gone: the next read says so
	}
}

func (s *Server) serveSFTP(ctx context.Context, client *ssh.ServerConn, channel ssh.Channel) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tree, err := s.options.Users.Tree(ctx, client.User())
	if err != nil {
		s.options.Log.Warn("sftp-server", "user", client.User(), "error", err)
		fmt.Fprintln(channel.Stderr(), "the backups cannot be shown now")
		return
	}
	opened := &reads{write: func(r audit.Record) {
		r.Who, r.From = client.User(), "sftp "+client.RemoteAddr().String()
		s.options.Record(r)
	}}
	defer opened.flush()
	h := &handlers{ctx: ctx, tree: tree, log: s.options.Log, free: make(chan struct{}, s.options.Limits.Handles), reads: opened}
	server := sftp.NewRequestServer(channel, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}, sftp.WithRSMaxTxPacket(maxRead))
	err = server.Serve()
	cancel()
	server.Close()
	if err != nil && !errors.Is(err, io.EOF) {
		sendStatus(channel, 1)
	} else {
		sendStatus(channel, 0)
	}
}

// sendStatus tells how a session ended.
func sendStatus(channel ssh.Channel, code uint32) {
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code})) // the client may be gone
}

// maxRead is the most that one read returns, in bytes: what OpenSSH's server allows.
const maxRead = 255 << 10

// idleConn ends when nothing came or went for a time, or at a fixed time.
type idleConn struct {
	net.Conn
	idle time.Duration

	mu    sync.Mutex
	fixed time.Time // guarded by mu; zero: there is none
}

// until sets the fixed time.
func (c *idleConn) until(t time.Time) {
	c.mu.Lock()
	c.fixed = t
	c.mu.Unlock()
	c.extend()
}

func (c *idleConn) extend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.fixed
	if t.IsZero() {
		t = time.Now().Add(c.idle)
	}
	_ = c.SetDeadline(t) // it fails on closed connections alone
}

// Read reads, and grants another idle time.
func (c *idleConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.extend()
	}
	return n, err
}

// Write writes, and grants another idle time.
func (c *idleConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.extend()
	}
	return n, err
}
