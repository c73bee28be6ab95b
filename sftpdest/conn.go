package sftpdest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"slotfs/indexer/contain"

	"golang.org/x/crypto/ssh"
)

// errNoSubsystem says that the server has no SFTP for this user.
var errNoSubsystem = errors.New("the server refuses the sftp subsystem")

// conn is one SSH connection, logged in.
type conn struct {
	client *ssh.Client
	net    net.Conn
	gone   chan struct{} // closed when the connection is over
	end    sync.Once
	how    string // the method that logged in
	lone   bool   // it may have one session in its life

	// What follows is guarded by the pool's mutex.
	sessions int       // open or being opened
	most     int       // sessions that the server allows, as far as known
	used     time.Time // when a session of it last had a request
	room     int32     // handles that may be open on all of them, as far as known; 0: any number
}

// oneTry is how long the kernel may try to connect before it is asked anew. It asks a silent network after 1, 3, 7, 15
// and 31 seconds (tcp_syn_retries), so that it would find out late that the network is back.
const oneTry = 12 * time.Second

// dialTCP connects until ctx ends.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 30 * time.Second, Timeout: oneTry}
	for {
		c, err := d.DialContext(ctx, network, address)
		var silence net.Error
		if err == nil || ctx.Err() != nil || !errors.As(err, &silence) || !silence.Timeout() {
			return c, err
		}
	}
}

func sshConfig(s Settings) *ssh.ClientConfig {
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

// errMute says that there is a connection to a server that says nothing.
var errMute = errors.New("the server says nothing")

// mute is the error of who waited for a server that is there until ctx ended.
func mute(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", errMute, cause)
	}
	return cause
}

// within is ctx with a time limit that stands still while hold runs something: a person takes his time.
func within(ctx context.Context, limit time.Duration) (limited context.Context, hold func(func()), cancel func()) {
	limited, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { end(context.DeadlineExceeded) })
	hold = func(f func()) {
		timer.Stop()
		f()
		timer.Reset(limit)
	}
	return limited, hold, func() {
		timer.Stop()
		end(nil)
	}
}

// handshake connects and logs in until ctx ends.
func handshake(ctx context.Context, s Settings, o Options, config *ssh.ClientConfig) (*conn, error) {
	raw, err := o.Dial(ctx, "tcp", s.address())
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	w := &watched{Conn: raw}
	// ssh.ClientConfig.Timeout covers the TCP connect only (golang.org/issue/51926).
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	c, channels, requests, err := ssh.NewClientConn(w, s.address(), config)
	if !stop() {
		if err == nil {
			c.Close()
		}
		return nil, mute(ctx)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	w.idle.Store(int64(o.Idle))
	made := &conn{
		client: ssh.NewClient(c, channels, acknowledged(c, requests)), net: raw, lone: mixes(c.ServerVersion()),
		gone: make(chan struct{}), used: time.Now(),
	}
	// The handshake may have left a read without deadline; one that is set now reaches it.
	_ = raw.SetReadDeadline(time.Now().Add(o.Idle))
	go func() {
		_ = made.client.Wait()
		made.close()
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

// mixes reports whether a server takes what several sessions of a connection send for one stream. ProFTPD's does (seen
// with mod_sftp 1.1.1): where a packet of one session arrives between two pieces of another one's, both are garbled, and
// a WRITE may have bytes of the other one.
func mixes(version []byte) bool { return bytes.Contains(version, []byte("mod_sftp")) }

// close ends the connection without waiting for the network.
func (c *conn) close() {
	c.end.Do(func() {
		close(c.gone)
		c.net.Close()
	})
}

// alive reports whether the connection is there, as far as known.
func (c *conn) alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

// keepAlive asks for signs of life until the connection is over. That no answer comes is found by the
// deadlines of watched.
func (c *conn) keepAlive(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.gone:
			return
		}
		if _, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
	}
}

// newSession starts one more SFTP session on the connection.
func (c *conn) newSession(ctx context.Context) (*session, error) {
	type opened struct {
		s   *session
		err error
	}
	done := make(chan opened, 1)
	go func() {
		var s *session
		err := contain.Do(func() error {
			channel, err := c.openChannel()
			if err == nil {
				s, err = newSession(ctx, channel)
				if err != nil && ctx.Err() == nil {
					err = channel.blame(err)
				}
			}
			return err
		})
		if err == nil {
			s.conn = c
		}
		done <- opened{s, err}
	}()
	select {
	case got := <-done:
		return got.s, got.err
	case <-ctx.Done():
		// package ssh cannot give up an open in flight: whatever comes of it is closed.
		go func() {
			if got := <-done; got.s != nil {
				got.s.fail(ctx.Err())
			}
		}()
		return nil, mute(ctx)
	}
}

func (c *conn) openChannel() (*channel, error) {
	opened, requests, err := c.client.OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	made := newChannel(opened, requests)
	ok, err := opened.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err == nil && !ok {
		err = errNoSubsystem
	}
	if err != nil {
		opened.Close()
		return nil, fmt.Errorf("start sftp: %w", err)
	}
	return made, nil
}

// dial makes a logged-in connection. Its errors are UnreachableError, AuthError, HostKeyError, IdentityError, or ctx's.
func dial(ctx context.Context, s Settings, o Options, p *pins, creds *credentials) (*conn, error) {
	a := &attempt{}
	asks := ctx
	ctx, hold, cancel := within(ctx, s.ConnectionTimeout)
	defer cancel()
	a.hold = hold
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
			c.how = tried[len(tried)-1]
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
		return nil, &AuthError{Username: s.Username, Address: s.address(), Methods: tried,
			Unasked: len(tried) == 0 && len(methods) > 0, Err: cause}
	}
	return nil, &UnreachableError{Address: s.address(), Err: err}
}

// refusedType tells a server that has no key of the pinned types any more from one that shares no other algorithm.
func refusedType(ctx context.Context, s Settings, o Options, p *pins, err error) error {
	offered, fetchErr := FetchHostKey(ctx, s, o)
	if fetchErr != nil {
		return &UnreachableError{Address: s.address(), Err: err}
	}
	return p.refuse(offered)
}

// isNetwork tells a connection that broke during the log-in from a refusal. Package ssh has no type for the latter.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
