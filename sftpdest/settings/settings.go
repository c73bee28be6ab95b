// Package settings is what is set for a destination: where it is, who logs in, and what the program adds. It connects to nothing.
package settings

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Secret is a password or passphrase. Printing it in any way shows "[secret]"; string(s) is the value.
type Secret string

// String hides the value.
func (Secret) String() string { return "[secret]" }

// GoString hides the value from %#v.
func (Secret) GoString() string { return "[secret]" }

// Format hides the value from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// LogValue hides the value from logs.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText hides the value from JSON and TOML.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Ask gets a secret when it is needed, for example from a terminal. It is called once at most for a Destination, but for
// PasswordTries.
type Ask func(ctx context.Context) (Secret, error)

// The defaults of Settings, for those who read them from a file.
const (
	DefaultPort              = 22
	DefaultConnectionTimeout = 30 * time.Second
	DefaultMaxRetries        = 5
	DefaultMaxConnections    = 4
)

// Settings say where a destination is and who logs in.
type Settings struct {
	Host      string
	Port      int // 0: 22
	Username  string
	Directory string // relative to the remote home unless absolute; "": the home

	// IdentityFile is a private key in any format of OpenSSH. Without one and without a password the
	// agent at $SSH_AUTH_SOCK is asked.
	IdentityFile  string
	Passphrase    Secret // of IdentityFile
	AskPassphrase Ask    // instead of Passphrase; may be nil

	Password    Secret // also the answer to keyboard-interactive questions
	AskPassword Ask    // instead of Password; may be nil
	// PasswordTries is how often AskPassword is called in one log-in while the server refuses what it gets; 0: once.
	PasswordTries int

	// HostKeys are the lines ("ssh-ed25519 AAAA...") of all host keys that were confirmed. The server must offer
	// one of them; it is asked for no other type. "@cert-authority ssh-ed25519 AAAA..." takes every certificate
	// for this host that this key signed.
	HostKeys []string

	// LegacyAlgorithms lets the server exchange keys by SHA-1 or in a group of its own, and prove itself with ssh-rsa (SHA-1).
	LegacyAlgorithms bool

	ConnectionTimeout time.Duration // from the first packet to a session that answers; 0: 30 s
	MaxRetries        int           // connection attempts after a failed one, counted from the last success; 0: unlimited
	MaxConnections    int           // 0: as many as the server accepts
}

// Options are what does not come from the destination's settings.
type Options struct {
	Log       *slog.Logger
	AgentPath string // socket of the ssh-agent; "": none

	KeepAlive time.Duration // between two signs of life that are asked for; 0: 8 s
	Idle      time.Duration // a connection that is silent that long is dropped; 0: 24 s
	Reply     time.Duration // a session that owes a reply that long is dropped, though its connection lives; 0: 60 s
	Release   time.Duration // connections beyond the first that were idle that long are closed; 0: 5 min
	Backoff   time.Duration // before the first retry; grows up to 30 s; 0: 500 ms
	Known     bool          // it worked before: an outage at the start is waited for like a later one
	Patience  time.Duration // that calls wait for an attempt once the retries are used up; 0: 5 s
	// Processors are those of this process; 0: runtime.GOMAXPROCS, which may be more than there are.
	Processors int
	// Dial replaces the network. nil: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// WithDefaults fills in what is not set, and refuses what makes no sense.
func (s Settings) WithDefaults() (Settings, error) {
	if s.Port == 0 {
		s.Port = DefaultPort
	}
	if s.ConnectionTimeout == 0 {
		s.ConnectionTimeout = DefaultConnectionTimeout
	}
	switch {
	case s.Host == "" || strings.ContainsAny(s.Host, " \t\r\n\x00"):
		return s, fmt.Errorf("host %q: %w", s.Host, fs.ErrInvalid)
	case s.Username == "":
		return s, fmt.Errorf("username is empty: %w", fs.ErrInvalid)
	case s.Port < 1 || s.Port > 65535:
		return s, fmt.Errorf("port %d: %w", s.Port, fs.ErrInvalid)
	case strings.IndexByte(s.Directory, 0) >= 0:
		return s, fmt.Errorf("directory %q: %w", s.Directory, fs.ErrInvalid)
	case s.ConnectionTimeout < 0 || s.MaxRetries < 0 || s.MaxConnections < 0:
		return s, fmt.Errorf("negative connection timeout, retries or connections: %w", fs.ErrInvalid)
	}
	for len(s.Directory) > 1 && strings.HasSuffix(s.Directory, "/") {
		s.Directory = s.Directory[:len(s.Directory)-1]
	}
	return s, nil
}

// Address is host:port.
func (s Settings) Address() string {
	host := strings.TrimSuffix(strings.TrimPrefix(s.Host, "["), "]")
	return net.JoinHostPort(host, strconv.Itoa(cmp.Or(s.Port, DefaultPort)))
}

// WithDefaults fills in what is not set.
func (o Options) WithDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.KeepAlive, 8*time.Second)
	if o.Reply == 0 && o.Idle != 0 {
		o.Reply = o.Idle
	}
	set(&o.Reply, 60*time.Second)
	set(&o.Idle, 24*time.Second)
	set(&o.Release, 5*time.Minute)
	set(&o.Backoff, 500*time.Millisecond)
	set(&o.Patience, 5*time.Second)
	if o.Processors == 0 {
		o.Processors = runtime.GOMAXPROCS(0)
	}
	return o
}
