package api

import (
	"slotfs/cmd/internal/service/live"
	"slotfs/indexer/backup"
)

// liveRoutes are those about restores into live accounts of the service's machine.
func (h *Handlers) liveRoutes() []route {
	return []route{
		get("/live", "the live restores that run, and the last ones that ended, the newest first", owners, func(c *Call, _ none) ([]live.State, error) {
			return h.live.List(c.Who.Account), nil
		}),
		change("POST", "/live", "parts of a snapshot are put back into the account; with dry_run it is told what would change. /progress and /live/{id} tell about it", owners, h.restoreLive),
		get("/live/{id}", "how a live restore gets on, or ended", owners, func(c *Call, p idParams) (live.State, error) {
			return h.live.Get(c.Who.Account, p.ID)
		}),
		change("DELETE", "/live/{id}", "a live restore is cancelled; it can be undone", owners, func(c *Call, p idParams, _ none) (live.State, error) {
			return h.live.Cancel(c.Who.Account, p.ID)
		}),
		get("/live-records", "the live restores whose undo is kept, the newest first", owners, func(c *Call, _ none) ([]live.Past, error) {
			l, err := h.liveFor(c)
			if err != nil {
				return nil, err
			}
			return l.Past()
		}),
		change("POST", "/live-records/{id}/undo", "what was there before a live restore is put back; /progress and /live/{id} tell about it", owners, h.undoLive),
	}
}

// liveFor is what puts parts back for whoever asks.
func (h *Handlers) liveFor(c *Call) (*live.Live, error) {
	conf, err := h.service.Config()
	if err != nil {
		return nil, err
	}
	t, err := h.service.Tree(h.work, c.Who)
	if err != nil {
		return nil, err
	}
	l := &live.Live{Tree: t, State: h.service.StateDir(), Config: conf.Live, Who: c.Who.String(), Owner: c.Who.Account}
	if !c.Who.Admin() {
		l.May = func(account string, kind backup.PartKind) bool {
			return account == c.Who.Account && conf.RightsOf(account, kind).Restore
		}
	}
	return l, nil
}

func (h *Handlers) restoreLive(c *Call, _ none, q live.Request) (live.State, error) {
	l, err := h.mayRestoreLive(c)
	if err != nil {
		return live.State{}, err
	}
	if err := q.Check(); err != nil {
		return live.State{}, err
	}
	return h.live.Start(h.work, l, q), nil
}

// UndoLive says how to undo a live restore.
type UndoLive struct {
	DryRun bool `json:"dry_run,omitempty"`
}

func (h *Handlers) undoLive(c *Call, p idParams, q UndoLive) (live.State, error) {
	l, err := h.mayRestoreLive(c)
	if err != nil {
		return live.State{}, err
	}
	return h.live.StartUndo(h.work, l, p.ID, q.DryRun), nil
}

// mayRestoreLive is liveFor, for whoever may change accounts.
func (h *Handlers) mayRestoreLive(c *Call) (*live.Live, error) {
	conf, err := h.service.Config()
	if err != nil {
		return nil, err
	}
	if !c.Who.Admin() && !conf.MayRestore(c.Who.Account) {
		return nil, errForbidden
	}
	return h.liveFor(c)
}
