package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"slotfs/cache/data"
	"slotfs/cache/index"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/state"
	"slotfs/fs/content"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/engine/engines"
	"slotfs/sftpdest"
)

// openIndex opens the index of the state directory.
func (s *settings) openIndex() (*index.Index, error) {
	if err := s.state.Make(); err != nil {
		return nil, err
	}
	x, err := index.Open(s.state.Index(), index.Options{Log: s.log})
	if errors.Is(err, index.ErrBusy) {
		return nil, exit.Hinted(err, "another slotfs works with it; `slotfs status` tells whether a mount does")
	}
	if err != nil {
		return nil, s.state.Fault(err)
	}
	return x, nil
}

// remoteSettings are a destination's settings as sftpdest takes them.
func (s *settings) remoteSettings(c *config.Destination) (sftpdest.Settings, error) {
	out := sftpdest.Settings{
		Host: c.Host, Port: c.Port, Username: c.Username, Directory: c.Directory, IdentityFile: c.IdentityFile,
		ConnectionTimeout: c.ConnectionTimeout, MaxRetries: c.MaxRetries, MaxConnections: c.MaxConnections,
		LegacyAlgorithms: c.LegacyAlgorithms,
	}
	out.HostKeys = c.HostKeys
	if out.IdentityFile == "" {
		out.IdentityFile = s.state.InstalledKey(c.Name)
	}
	if err := state.Private("identity file", out.IdentityFile); err != nil {
		return out, err
	}
	if c.PassphraseFile != "" {
		passphrase, err := state.ReadSecret(c.PassphraseFile)
		if err != nil {
			return out, fmt.Errorf("passphrase: %w", err)
		}
		out.Passphrase = sftpdest.Secret(passphrase)
	}
	password, err := s.state.Password(c)
	if err != nil {
		return out, err
	}
	out.Password = sftpdest.Secret(password)
	return out, nil
}

// remote makes a destination. It connects with its first use. known says that it worked before, so that an outage is
// waited for.
func (s *settings) remote(c *config.Destination, known bool) (*sftpdest.Destination, error) {
	settings, err := s.remoteSettings(c)
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", c.Name, err)
	}
	o := s.remoteOptions(c)
	o.Known = known
	d, err := sftpdest.New(settings, o)
	if err != nil {
		return nil, exit.With(fmt.Errorf("destination %s: %w", c.Name, err), exit.Usage, "")
	}
	return d, nil
}

func (s *settings) remoteOptions(c *config.Destination) sftpdest.Options {
	return sftpdest.Options{Log: s.log.With("destination", c.Name), AgentPath: os.Getenv("SSH_AUTH_SOCK"), Processors: s.processors}
}

// remotes keeps the destinations that are in use, each with what reads its snapshots. It connects to none.
type remotes struct {
	settings *settings
	points   content.Points
	log      *slog.Logger
	deadline time.Duration // of a read; 0: that of package content
	cache    *data.Cache   // of what was read; nil: none
	known    bool          // destinations worked before: they are waited for

	mu sync.Mutex
	// mu guards what follows.
	config *config.Config
	open   map[string]*remote
}

// remote is one destination in use.
type remote struct {
	config  config.Destination
	dest    dest.Destination
	engine  engine.Engine
	content *content.Reader
}

var _ passes.Targets = (*remotes)(nil)

func newRemotes(s *settings, c *config.Config, points content.Points) *remotes {
	return &remotes{settings: s, points: points, log: s.log, config: c, open: map[string]*remote{}}
}

// Target gives a destination and its engine.
func (r *remotes) Target(name string) (dest.Destination, engine.Engine, error) {
	t, err := r.get(name)
	if err != nil {
		return nil, nil, err
	}
	return t.dest, t.engine, nil
}

// get opens a destination on first use.
func (r *remotes) get(name string) (*remote, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.open[name]; t != nil {
		return t, nil
	}
	c := r.config.Destinations[name]
	if c == nil {
		return nil, unknownDestination(r.config, name)
	}
	e, err := engines.ByName(c.Engine)
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", name, err)
	}
	d, err := r.settings.remote(c, r.known)
	if err != nil {
		return nil, err
	}
	o := r.contentOptions(c)
	o.Hold = slotHold(c.Engine, d)
	t := &remote{config: *c, dest: d, engine: e, content: content.NewReader(d, r.points, o)}
	r.open[name] = t
	return t, nil
}

// names lists the destinations that are configured.
func (r *remotes) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.Names()
}

// current is the configuration as it was read last.
func (r *remotes) current() *config.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config
}

// reload takes another configuration. Destinations whose settings changed are closed, which ends what is read
// from them; the next use opens them anew.
func (r *remotes) reload(c *config.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config = c
	for name, t := range r.open {
		if now := c.Destinations[name]; now == nil || !now.Equal(&t.config) {
			r.drop(name)
		}
	}
}

// drop closes a destination. mu is held.
func (r *remotes) drop(name string) {
	t := r.open[name]
	delete(r.open, name)
	if err := errors.Join(t.content.Close(), t.dest.Close()); err != nil {
		r.log.Warn("close", "destination", name, "error", err)
	}
}

// close closes all destinations.
func (r *remotes) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.open {
		r.drop(name)
	}
}
