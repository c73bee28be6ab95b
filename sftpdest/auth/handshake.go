package auth

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/sftpdest/session"
	"slotfs/sftpdest/settings"
)

// sshConfig is what connections of all kinds have in common.
func sshConfig(s settings.Settings) *ssh.ClientConfig {
	config := &ssh.ClientConfig{User: s.Username, ClientVersion: "SSH-2.0-slotfs"}
	// AES-GCM is twice as fast as chacha20 on processors with AES; the others are for servers without it.
	config.Ciphers = []string{
		ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305,
		ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
	}
	config.KeyExchanges = []string{
		ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519, ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384,
		ssh.KeyExchangeECDHP521, ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDH16SHA512,
	}
	if s.LegacyAlgorithms {
		config.KeyExchanges = append(config.KeyExchanges, ssh.KeyExchangeDHGEXSHA256, ssh.InsecureKeyExchangeDH14SHA1)
	}
	return config
}

// within is ctx with a time limit that stands still while pauseTimer runs something: a person takes his time.
func within(ctx context.Context, limit time.Duration) (limited context.Context, pauseTimer func(func()), cancel func()) {
	limited, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { end(context.DeadlineExceeded) })
	pauseTimer = func(f func()) {
		timer.Stop()
		f()
		timer.Reset(limit)
	}
	return limited, pauseTimer, func() {
		timer.Stop()
		end(nil)
	}
}

// handshake connects and logs in until ctx ends.
func handshake(ctx context.Context, s settings.Settings, o settings.Options, config *ssh.ClientConfig) (*Connection, error) {
	dial := o.Dial
	if dial == nil {
		dial = dialTCP
	}
	raw, err := dial(ctx, "tcp", s.Address())
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	w := &idleConn{Conn: raw}
	// ssh.ClientConfig.Timeout covers the TCP connect only (golang.org/issue/51926).
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	c, channels, requests, err := ssh.NewClientConn(w, s.Address(), config)
	if !stop() {
		if err == nil {
			c.Close()
		}
		return nil, session.TimeoutCause(ctx)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	w.idle.Store(int64(o.Idle))
	made := &Connection{Client: ssh.NewClient(c, channels, acknowledged(c, requests)), net: raw, gone: make(chan struct{})}
	// The handshake may have left a read without deadline; one that is set now reaches it.
	_ = raw.SetReadDeadline(time.Now().Add(o.Idle))
	go func() {
		_ = made.Client.Wait()
		made.Close()
	}()
	go made.keepAlive(o.KeepAlive)
	return made, nil
}

// acknowledged passes on what the server asks for. OpenSSH tells its host keys behind a log-in, and has Nagle's algorithm
// switched on until a session has started: its answer to the first channel waits until that is acknowledged, which kernels put
// off for 40 ms unless something is sent. So something is: a request that wants no reply.
func acknowledged(c ssh.Conn, in <-chan *ssh.Request) <-chan *ssh.Request {
	out := make(chan *ssh.Request)
	go func() {
		defer close(out)
		for r := range in {
			if r.Type == "hostkeys-00@openssh.com" {
				_, _, _ = c.SendRequest("keepalive@openssh.com", false, nil)
			}
			out <- r
		}
	}()
	return out
}

// Connection is one SSH connection, logged in.
type Connection struct {
	*ssh.Client
	Method string // that logged in

	net  net.Conn
	gone chan struct{} // closed when the connection is over
	end  sync.Once
}

// Gone is closed when the connection is over.
func (c *Connection) Gone() <-chan struct{} { return c.gone }

// Close ends the connection without waiting for the network.
func (c *Connection) Close() {
	c.end.Do(func() {
		close(c.gone)
		c.net.Close()
	})
}

// Alive reports whether the connection is there, as far as known.
func (c *Connection) Alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

// keepAlive asks for signs of life until the connection is over. That no answer comes is found by the
// deadlines of idleConn.
func (c *Connection) keepAlive(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.gone:
			return
		}
		if _, _, err := c.Client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
	}
}
