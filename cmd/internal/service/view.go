package service

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/users"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// shownView is what a service shows without a mount: everything, or what somebody may see of it.
type shownView struct {
	options func(*Service) view.Options
	keep    func(*backup.Snapshot) bool // nil: everything

	mu sync.Mutex
	// mu guards what follows.
	view       *view.View
	read       time.Time // when the catalog was read
	generation uint64    // of the service at that time
}

// get gives the view with what changed until minRefreshInterval ago.
func (u *shownView) get(ctx context.Context, s *Service) (*view.View, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	generation := s.generation.Load()
	if u.view != nil && (u.generation == generation || time.Since(u.read) < minRefreshInterval) {
		return u.view, nil
	}
	all, err := s.catalog.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	if u.view == nil {
		u.view = view.New(u.options(s))
	}
	names := s.destinations.names()
	if u.keep != nil {
		all, names = kept(all, u.keep)
	}
	u.view.Update(names, all)
	u.read, u.generation = time.Now(), generation
	return u.view, nil
}

// kept are the snapshots that somebody may see, and the destinations that have any.
func kept(all []*backup.Snapshot, keep func(*backup.Snapshot) bool) (rest []*backup.Snapshot, destinations []string) {
	for _, b := range all {
		if !keep(b) {
			continue
		}
		rest = append(rest, b)
		if !slices.Contains(destinations, b.Destination) {
			destinations = append(destinations, b.Destination)
		}
	}
	return rest, destinations
}

// everything is the view of administrators.
func everything() *shownView {
	return &shownView{options: func(s *Service) view.Options {
		return view.Options{Nodes: s.index, Owner: s.accountOwners(s.destinations.current), Accounts: localAccounts()}
	}}
}

// localAccounts gives the users and groups of this machine.
func localAccounts() func() *view.Accounts { return users.NewAccounts(users.Passwd, users.Group).Now }

// accountOwners tells which user of this machine a snapshot belongs to.
func (e *Environment) accountOwners(conf func() *config.Config) func(*backup.Snapshot) view.Local {
	local, home := users.New(users.Passwd), e.livesHere(conf)
	return func(snapshot *backup.Snapshot) view.Local {
		if !home(snapshot) {
			return view.Local{}
		}
		uid, gid, ok := local.Lookup(snapshot.Account)
		return view.Local{UID: uid, GID: gid, OK: ok}
	}
}

// livesHere tells whether the account of a snapshot is one of this machine. An account's name is no identity: two servers have an
// alice. So it is one only where the configuration says that its origin is this machine, or where this machine wrote it.
func (e *Environment) livesHere(conf func() *config.Config) func(*backup.Snapshot) bool {
	host, err := os.Hostname()
	var machine string
	if err == nil {
		machine, err = e.State.MachineID(host)
	}
	if err != nil {
		e.Log.Warn("machine id", "error", err)
	}
	return func(snapshot *backup.Snapshot) bool {
		d := conf().Destinations[snapshot.Destination]
		own := machine != "" && snapshot.Machine == machine
		return d != nil && (own || slices.Contains(d.LocalOrigins, snapshot.Origin))
	}
}
