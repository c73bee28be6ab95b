package sshdtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// LocalOptions of a Local.
type LocalOptions struct {
	Root        string // where relative paths start
	Password    string // taken by the password method; "": the method is not offered
	Interactive string // taken by keyboard-interactive
	Authorized  string // line of a public key that may log in
	// AuthorizedFile has the lines of further keys that may log in. Lines with options are not understood.
	AuthorizedFile string
	MaxSessions    int  // per connection; 0: any number
	NoSFTP         bool // refuse the subsystem
	// Refusal is said on the standard error of a session, which ends then.
	Refusal string
	// SecondFactor is asked for behind a key.
	SecondFactor string
	// Serve replaces the SFTP server of a session.
	Serve func(io.ReadWriteCloser) error
}

// Local is an SSH server in this process with the SFTP server of package sftp: version 3 without OpenSSH's
// limits, 32 KiB a READ. It serves with this process's rights.
type Local struct {
	Host     string
	Port     int
	HostKeys []string

	options  LocalOptions
	config   *ssh.ServerConfig
	listener net.Listener
	logins   atomic.Int64 // methods tried, "none" not counted
	wg       sync.WaitGroup

	mu     sync.Mutex // guards what follows
	conns  map[net.Conn]struct{}
	closed bool
}

// StartLocal runs a Local until Close.
func StartLocal(o LocalOptions) (*Local, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Local{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, options: o, listener: l,
		HostKeys: []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))},
		conns:    make(map[net.Conn]struct{}),
	}
	s.config = s.serverConfig()
	s.config.AddHostKey(signer)
	s.wg.Add(1)
	go s.accept()
	return s, nil
}

var errWrong = errors.New("wrong")

func (s *Local) serverConfig() *ssh.ServerConfig {
	o, config := s.options, &ssh.ServerConfig{}
	if o.Password != "" {
		config.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return s.login(string(password) == o.Password)
		}
	}
	if o.Interactive != "" {
		config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return s.login(len(answers) == 1 && answers[0] == o.Interactive)
		}
	}
	config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
		p, err := s.login(line == o.Authorized || s.authorized(line))
		if err == nil && o.SecondFactor != "" {
			err = &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
				KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
					_, err := ask("", "", []string{o.SecondFactor}, []bool{false})
					return nil, errors.Join(errWrong, err)
				},
			}}
		}
		return p, err
	}
	return config
}

func (s *Local) authorized(line string) bool {
	if s.options.AuthorizedFile == "" {
		return false
	}
	data, err := os.ReadFile(s.options.AuthorizedFile)
	if err != nil {
		return false
	}
	for known := range strings.SplitSeq(string(data), "\n") {
		if known == line || strings.HasPrefix(known, line+" ") {
			return true
		}
	}
	return false
}

func (s *Local) login(right bool) (*ssh.Permissions, error) {
	s.logins.Add(1)
	if !right {
		return nil, errWrong
	}
	return nil, nil
}

// Logins tells how many secrets and keys were tried so far.
func (s *Local) Logins() int { return int(s.logins.Load()) }

// Close ends the server and its connections.
func (s *Local) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *Local) accept() {
	defer s.wg.Done()
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			c.Close()
			continue
		}
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.wg.Add(1)
		go s.serve(c)
	}
}

func (s *Local) serve(c net.Conn) {
	defer s.wg.Done()
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	_, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	var open atomic.Int64
	for offered := range channels {
		if offered.ChannelType() != "session" || s.options.MaxSessions > 0 && int(open.Load()) >= s.options.MaxSessions {
			_ = offered.Reject(ssh.ResourceShortage, "no more sessions")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		open.Add(1)
		go func() {
			defer open.Add(-1)
			defer channel.Close()
			s.session(channel, requests)
		}()
	}
}

func (s *Local) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	for r := range requests {
		ok := r.Type == "subsystem" && !s.options.NoSFTP
		_ = r.Reply(ok, nil)
		if !ok {
			continue
		}
		go ssh.DiscardRequests(requests)
		if s.options.Refusal != "" {
			_, _ = io.WriteString(channel.Stderr(), s.options.Refusal)
			return
		}
		_ = s.sftp(channel)
		return
	}
}

func (s *Local) sftp(channel io.ReadWriteCloser) error {
	if s.options.Serve != nil {
		return s.options.Serve(channel)
	}
	server, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(s.options.Root))
	if err != nil {
		return fmt.Errorf("start sftp server: %w", err)
	}
	return server.Serve()
}
