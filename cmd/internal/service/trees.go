package service

import (
	"sync"
	"sync/atomic"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/users"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/lru"
)

// keptViews is for how many accounts the view is kept that their owners have.
const keptViews = 64

// nobody owns what an account's owner sees where he is no user of this machine.
const nobody = 1<<31 - 2

// accountViews are what the owners of accounts see: their snapshots, and nothing of others to be left out.
type accountViews struct {
	mu  sync.Mutex
	all lru.Map[string, *accountView] // guarded by mu
}

// accountView is what the owner of an account sees.
type accountView struct {
	shownView
	local    view.Local // whom it belongs to
	withheld withheld
}

// get is the view of an account.
func (a *accountViews) get(s *Service, account string) *accountView {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v, ok := a.all.Get(account); ok {
		return v
	}
	v := &accountView{local: view.Local{UID: nobody, GID: nobody, OK: true}}
	if uid, gid, ok := users.New(users.Passwd).Lookup(account); ok {
		v.local.UID, v.local.GID = uid, gid
	}
	home := s.livesHere(s.destinations.current)
	v.keep = func(b *backup.Snapshot) bool {
		return b.Account == account && !b.System && !b.Unclaimed && home(b)
	}
	v.options = func(s *Service) view.Options {
		return view.Options{Nodes: s.index, Owner: func(*backup.Snapshot) view.Local { return v.local },
			Withheld: func() map[backup.PartKind]view.Withheld { return v.withheld.of(s.destinations.current(), account) }}
	}
	a.all.Put(account, v, 1)
	a.all.Shrink(keptViews, nil)
	return v
}

// withheld is what the configuration does not let the owner of an account see, or have.
type withheld struct{ known atomic.Pointer[withheldBy] }

type withheldBy struct {
	conf  *config.Config
	parts map[backup.PartKind]view.Withheld
}

// of tells what a configuration withholds from the owner of an account.
func (w *withheld) of(conf *config.Config, account string) map[backup.PartKind]view.Withheld {
	if known := w.known.Load(); known != nil && known.conf == conf {
		return known.parts
	}
	parts := map[backup.PartKind]view.Withheld{}
	for _, kind := range backup.PartKinds() {
		if r := conf.RightsOf(account, kind); !r.View || !r.Download {
			parts[kind] = view.Withheld{Names: !r.View, Contents: !r.Download}
		}
	}
	w.known.Store(&withheldBy{conf, parts})
	return parts
}
