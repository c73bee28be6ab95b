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

// unmountedView is what a service without a mount shows.
type unmountedView struct {
	mu sync.Mutex
	// mu guards what follows.
	view     *view.View
	read     time.Time // when the catalog was read
	outdated bool      // it changed since then
}

// outdate says that the catalog or the configuration changed.
func (u *unmountedView) outdate() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.outdated = true
}

// get gives the view with what changed until minRefreshInterval ago.
func (u *unmountedView) get(ctx context.Context, s *Service) (*view.View, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.view != nil && (!u.outdated || time.Since(u.read) < minRefreshInterval) {
		return u.view, nil
	}
	all, err := s.index.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	if u.view == nil {
		u.view = view.New(view.Options{Nodes: s.index, Owner: s.accountOwners(s.destinations.current), Accounts: localAccounts()})
	}
	u.view.Update(s.destinations.names(), all)
	u.read, u.outdated = time.Now(), false
	return u.view, nil
}

// localAccounts gives the users and groups of this machine.
func localAccounts() func() *view.Accounts { return users.NewAccounts(users.Passwd, users.Group).Now }

// accountOwners tells which user of this machine a snapshot belongs to. An account's name is no identity: two servers
// have an alice. So it is a user's only where the configuration says that its origin is this machine, or where this
// machine wrote it.
func (e *Environment) accountOwners(conf func() *config.Config) func(*backup.Snapshot) view.Local {
	local := users.New(users.Passwd)
	host, err := os.Hostname()
	var machine string
	if err == nil {
		machine, err = e.State.MachineID(host)
	}
	if err != nil {
		e.Log.Warn("machine id", "error", err)
	}
	return func(snapshot *backup.Snapshot) view.Local {
		d := conf().Destinations[snapshot.Destination]
		own := machine != "" && snapshot.Machine == machine
		if d == nil || !own && !slices.Contains(d.LocalOrigins, snapshot.Origin) {
			return view.Local{}
		}
		uid, gid, ok := local.Lookup(snapshot.Account)
		return view.Local{UID: uid, GID: gid, OK: ok}
	}
}
