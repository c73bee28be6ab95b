package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"slotfs/cache/data"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/passes"
	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/concern"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/engine/engines"
)

// destinations keeps the destinations that are in use, each with what reads its snapshots. It connects to none.
type destinations struct {
	env      *Environment
	points   content.Points
	log      *slog.Logger
	deadline time.Duration // of a read
	cache    *data.Cache   // of what was read; nil: none
	known    bool          // destinations worked before: they are waited for

	mu sync.Mutex
	// mu guards what follows.
	config *config.Config
	open   map[string]*destination
}

// destination is one destination in use.
type destination struct {
	config  config.Destination
	dest    dest.Destination
	engine  engine.Engine
	content *content.Reader
}

var _ passes.Targets = (*destinations)(nil)

func newDestinations(e *Environment, c *config.Config, points content.Points) *destinations {
	return &destinations{env: e, points: points, log: e.Log, config: c, deadline: content.DefaultDeadline, open: map[string]*destination{}}
}

// Target gives a destination and its engine.
func (d *destinations) Target(name string) (dest.Destination, engine.Engine, error) {
	t, err := d.get(name)
	if err != nil {
		return nil, nil, err
	}
	return t.dest, t.engine, nil
}

// get opens a destination on first use.
func (d *destinations) get(name string) (*destination, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.open[name]; t != nil {
		return t, nil
	}
	c := d.config.Destinations[name]
	if c == nil {
		return nil, UnknownDestination(d.config, name)
	}
	e, err := engines.ByName(c.Engine)
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", name, err)
	}
	remote, err := d.env.Connect(c, d.known)
	if err != nil {
		return nil, err
	}
	o := d.contentOptions(c)
	o.Hold = slotHold(c.Engine, remote)
	t := &destination{config: *c, dest: remote, engine: e, content: content.NewReader(remote, d.points, o)}
	d.open[name] = t
	return t, nil
}

// names lists the destinations that are configured.
func (d *destinations) names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config.Names()
}

// limits say when a backup is poorer than the one before.
func (d *destinations) limits() concern.Limits {
	w := d.current().Watch
	return concern.Limits{Dump: int64(w.DumpShrinks), Home: int64(w.HomeShrinks)}
}

// current is the configuration as it was read last.
func (d *destinations) current() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

// reload takes another configuration. Destinations whose settings changed are closed, which ends what is read
// from them; the next use opens them anew.
func (d *destinations) reload(c *config.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.config = c
	for name, t := range d.open {
		if now := c.Destinations[name]; now == nil || !now.Equal(&t.config) {
			d.drop(name)
		}
	}
}

// drop closes a destination. mu is held.
func (d *destinations) drop(name string) {
	t := d.open[name]
	delete(d.open, name)
	if err := errors.Join(t.content.Close(), t.dest.Close()); err != nil {
		d.log.Warn("close", "destination", name, "error", err)
	}
}

// close closes all destinations.
func (d *destinations) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.open {
		d.drop(name)
	}
}

// contentOptions say how a destination is read.
func (d *destinations) contentOptions(c *config.Destination) content.Options {
	o := content.Options{Deadline: d.deadline, Memory: memoryToRead(d.config), Changed: d.readAgain}
	if d.cache != nil {
		o.Blocks = d.cache
		o.Origin = fmt.Sprintf("%s\x00%s\x00%d\x00%s", c.Username, c.Host, c.Port, c.Directory)
		o.Admit = min(admitMost, d.cache.Stats().Limit/admitShare)
	}
	return o
}

// cacheReport is nil if there is no cache.
func (d *destinations) cacheReport() *api.CacheReport {
	if d.cache == nil {
		return nil
	}
	s := d.cache.Stats()
	return &api.CacheReport{Bytes: s.Bytes, Limit: s.Limit, Blocks: s.Blocks, Hits: s.Hits, Misses: s.Misses, Dropped: s.Dropped,
		Damaged: s.Damaged, Off: s.Off}
}

// unsettler is an index that can have a pass read a snapshot again.
type unsettler interface {
	Unsettle(ctx context.Context, s *backup.Snapshot) (bool, error)
}

// readAgain has the next pass read a tree again that turned out to be another one.
func (d *destinations) readAgain(ctx context.Context, s *backup.Snapshot) {
	x, ok := d.points.(unsettler)
	if !ok {
		return
	}
	changed, err := x.Unsettle(ctx, s)
	if err != nil {
		d.log.Warn("mark for the next pass", "snapshot", s.Key(), "error", err)
	} else if changed {
		d.log.Warn("changed on the destination: the next pass reads it again", "destination", s.Destination, "snapshot", s.Key())
	}
}
