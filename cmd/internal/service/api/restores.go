package api

import (
	"slotfs/cmd/internal/service/restores"
)

// restoreRoutes are those about restores by the service, which writes on its machine.
func (h *Handlers) restoreRoutes() []route {
	return []route{
		get("/restores", "the restores that run, and the last ones that ended, the newest first", administrators, func(*Call, none) ([]restores.State, error) {
			return h.restores.List(), nil
		}),
		change("POST", "/restores", "a restore is begun; /progress and /restores/{id} tell about it", administrators, h.restore),
		get("/restores/{id}", "how a restore gets on, or ended", administrators, func(_ *Call, p idParams) (restores.State, error) {
			return h.restores.Get(p.ID)
		}),
		change("DELETE", "/restores/{id}", "a restore is cancelled; what is there stays", administrators, func(_ *Call, p idParams, _ none) (restores.State, error) {
			return h.restores.Cancel(p.ID)
		}),
	}
}

type idParams struct {
	ID string `path:"id" doc:"of the restore"`
}

func (h *Handlers) restore(c *Call, _ none, q restores.Request) (restores.State, error) {
	if err := q.Check(); err != nil {
		return restores.State{}, err
	}
	t, err := h.service.Tree(h.work, c.Who)
	if err != nil {
		return restores.State{}, err
	}
	return h.restores.Start(h.work, t, c.Who.String(), q), nil
}
