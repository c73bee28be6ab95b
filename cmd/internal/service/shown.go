package service

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/state"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/lru"
)

// shown is what somebody may see, as a view and as a tree.
func (s *Service) shown(ctx context.Context, who login.Identity) (v *view.View, t browse.Paged, err error) {
	if who.Admin() {
		v, err = s.view(ctx)
		return v, &browse.Local{View: v, Content: s.content, Dumps: s.index}, err
	}
	a := s.accounts.get(s, who.Account)
	v, err = a.get(ctx, s)
	return v, &browse.Restricted{Paged: &browse.Local{View: v, Content: s.content, Dumps: s.index}, UID: a.local.UID, GID: a.local.GID}, err
}

// Tree is all that somebody may see.
func (s *Service) Tree(ctx context.Context, who login.Identity) (browse.Paged, error) {
	_, t, err := s.shown(ctx, who)
	return t, err
}

// Find looks for names in all snapshots that somebody may see.
func (s *Service) Find(ctx context.Context, who login.Identity, q browse.Query, yield func(browse.Match) error) error {
	v, t, err := s.shown(ctx, who)
	if err != nil {
		return err
	}
	search := browse.Search{View: v, Query: q, Yield: yield, Replaced: s.replaced}
	if r, ok := t.(*browse.Restricted); ok {
		search.Enter = r.Enters
	}
	return search.Run(ctx)
}

// replaced reports whether the index has another snapshot in the place of b, or none.
func (s *Service) replaced(ctx context.Context, b *backup.Snapshot) bool {
	now, err := s.index.Snapshot(ctx, b.Destination, b.Key())
	return errors.Is(err, iofs.ErrNotExist) || err == nil && (now.Serial != b.Serial || now.Root.Child != b.Root.Child)
}

// Diff compares what the index has at two paths that somebody may see.
func (s *Service) Diff(ctx context.Context, who login.Identity, q browse.Pair, yield func(browse.Change) error) error {
	v, t, err := s.shown(ctx, who)
	if err != nil {
		return err
	}
	return browse.Diff(ctx, v, t, q, yield)
}

// view is what is shown, by the mount if there is one.
func (s *Service) view(ctx context.Context) (*view.View, error) {
	if m := s.mounts.now(); m != nil {
		return m.View(), nil
	}
	return s.unmounted.get(ctx, s)
}

// keptCatalogs is for how many accounts the list of their snapshots is kept.
const keptCatalogs = 64

// catalogs are the snapshots that people may see.
type catalogs struct {
	mu sync.Mutex
	// mu guards what follows.
	kept       lru.Map[string, *api.Catalog] // by account; "": everything
	generation uint64                        // of the service when they were read
}

// Catalog tells which snapshots somebody may see.
func (s *Service) Catalog(ctx context.Context, who login.Identity) (*api.Catalog, error) {
	c := &s.catalogs
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := s.generation.Load(); c.generation != now {
		c.kept.Clear()
		c.generation = now
	}
	if kept, ok := c.kept.Get(who.Account); ok {
		return kept, nil
	}
	all, err := s.catalog.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	if !who.Admin() {
		all, _ = kept(all, s.accounts.get(s, who.Account).keep)
	}
	out := &api.Catalog{Snapshots: all}
	c.kept.Put(who.Account, out, 1)
	c.kept.Shrink(keptCatalogs, nil)
	return out, nil
}

// StateDir is where the installation keeps what it knows.
func (s *Service) StateDir() state.Dir { return s.State }

// OpenStore connects to a destination that slots are written to, with its first use.
func (s *Service) OpenStore(d *config.Destination) (jobs.Store, error) { return s.Connect(d, true) }

// Health is the report with what is wrong.
func (s *Service) Health(ctx context.Context) (*api.Report, error) {
	r, err := s.Report(ctx, false)
	if err != nil {
		return nil, err
	}
	seen, err := s.Seen(ctx)
	if err != nil {
		return nil, err
	}
	h, err := s.Environment.judge(r, seen, 0)
	if err != nil {
		return nil, err
	}
	return h.Report, nil
}
