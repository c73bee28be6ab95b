package api

import (
	"fmt"
	iofs "io/fs"
	"slices"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/service/scrubs"
	"slotfs/indexer/contain"
)

// stateRoutes are those about the service and its destinations.
func (h *Handlers) stateRoutes() []route {
	return []route{
		get("/status", "the process that has the index, the index, and each destination", administrators, h.status),
		get("/seen", "what only this process knows, for alarms and metrics", administrators, func(c *Call, _ none) (alarm.Seen, error) { return h.service.Seen(c.Context) }),
		get("/destinations", "each destination with what is known of it", administrators, h.destinations),
		change("DELETE", "/destinations/{name}/snapshots", "the snapshots of a destination are forgotten; they stay where they are", administrators, h.forget),
		change("POST", "/destinations/{name}/test", "a destination is connected to and measured, as by slotfs destination test", administrators, h.testDestination),
		change("POST", "/reload", "the configuration is read again", administrators, func(c *Call, _ none, _ none) (done, error) {
			return done{}, h.service.Reload(c.Context)
		}),
		get("/passes", "how the last pass over each destination ended, and what runs", administrators, h.passes),
		lines("POST", "/passes", "passes are made; who hangs up ends them", administrators, h.index),
		change("POST", "/passes/start", "passes are begun that nobody waits for: /progress tells about them", administrators, h.startPasses),
		lines("POST", "/verifications", "backups of a destination are read again and compared with the index; who hangs up ends it", administrators, h.verifyDestination),
		get("/history", "how passes, backups, runs and verifications ended, the newest first", administrators, h.history),
		get("/audit", "who looked at, downloaded and restored what, the newest first", administrators, h.audit),
		raw("/progress", "what goes on, as server-sent events named pass and restore with the JSON of an Event's keys", contentEvents, administrators, h.progress),
	}
}

// done is the answer to what has nothing to tell.
type done struct{}

type statusParams struct {
	Brief bool `query:"brief" doc:"without what takes time to count"`
	Wrong bool `query:"wrong" doc:"with what is wrong, and who is told of it"`
}

func (h *Handlers) status(c *Call, p statusParams) (*Report, error) {
	if p.Wrong {
		return h.service.Health(c.Context)
	}
	return h.service.Report(c.Context, p.Brief)
}

func (h *Handlers) destinations(c *Call, _ none) ([]DestinationReport, error) {
	r, err := h.service.Report(c.Context, false)
	if err != nil {
		return nil, err
	}
	return r.Destinations, nil
}

type nameParams struct {
	Name string `path:"name" doc:"of the destination"`
}

func (h *Handlers) forget(c *Call, p nameParams, _ none) (done, error) {
	return done{}, h.service.Forget(c.Context, p.Name)
}

// PassReport tells about the passes over a destination.
type PassReport struct {
	Destination string          `json:"destination"`
	Running     *passes.Running `json:"running,omitempty"`
	Last        *passes.Record  `json:"last,omitempty"`
	Next        *time.Time      `json:"next,omitempty"`
}

func (h *Handlers) passes(c *Call, _ none) ([]PassReport, error) {
	all, err := h.destinations(c, none{})
	if err != nil {
		return nil, err
	}
	out := []PassReport{}
	for i := range all {
		d := &all[i]
		out = append(out, PassReport{d.Name, d.Running, d.LastPass, d.NextPass})
	}
	return out, nil
}

// untilTold is the error of work that tells about itself, if it told nothing. Else how it ended is in the last event, also where the
// service ends.
func untilTold[E any](yield func(E) error, work func(emit func(E)) error) error {
	began := false
	err := work(func(e E) {
		began = true
		_ = yield(e) // who hung up ends the work by his context
	})
	if began {
		return nil
	}
	return err
}

// index makes passes and tells about them.
func (h *Handlers) index(c *Call, _ none, q passes.Request, yield func(progress.Event) error) error {
	return untilTold(yield, func(emit func(progress.Event)) error {
		return h.service.Index(c.Context, q, func(e progress.Event) {
			h.events.publish(Event{Pass: &e})
			emit(e)
		})
	})
}

// verifyDestination reads backups again and tells about it.
func (h *Handlers) verifyDestination(c *Call, _ none, q scrubs.Request, yield func(scrubs.Event) error) error {
	return untilTold(yield, func(emit func(scrubs.Event)) error { return h.service.Verify(c.Context, q, emit) })
}

// startPasses makes passes while nobody waits.
func (h *Handlers) startPasses(c *Call, _ none, q passes.Request) (done, error) {
	conf, err := h.service.Config()
	if err != nil {
		return done{}, err
	}
	if i := slices.IndexFunc(q.Destinations, func(name string) bool { return conf.Destinations[name] == nil }); i >= 0 {
		return done{}, exit.Usagef("destination %s: not in the configuration", q.Destinations[i])
	}
	if len(q.Destinations) == 0 {
		return done{}, exit.Usagef("request: no destination")
	}
	h.tasks.Go(func() {
		err := contain.Do(func() error {
			return h.service.Index(h.work, q, func(e progress.Event) { h.events.publish(Event{Pass: &e}) })
		})
		if err != nil && h.work.Err() == nil {
			h.events.publish(Event{Pass: &progress.Event{Kind: progress.Finished, Destination: q.Destinations[0], Error: err.Error(), Hint: exit.Hint(err), Code: exit.Code(err)}})
		}
	})
	return done{}, nil
}

type auditParams struct {
	Account string    `query:"account" doc:"only what its owner did, or was done with it"`
	Since   time.Time `query:"since" doc:"only what was done then or later"`
	Limit   int       `query:"limit" doc:"how many records are told at most: 1000 unless given"`
}

// audit tells the newest records.
func (h *Handlers) audit(_ *Call, p auditParams) ([]audit.Record, error) {
	var all newest[audit.Record]
	_, err := audit.Open(h.service.StateDir().Audit()).Read(func(r *audit.Record) error {
		if !r.Time.Before(p.Since) && (p.Account == "" || r.Concerns(p.Account)) {
			all.add(r, p.Limit)
		}
		return nil
	})
	return all.list(p.Limit), err
}

// newest keeps the newest of many records, which come oldest first.
type newest[R any] struct{ kept []R }

func (n *newest[R]) add(r *R, limit int) {
	limit = pageLimit(limit)
	n.kept = append(n.kept, *r)
	if len(n.kept) >= 2*limit { // the older half is not asked for
		n.kept = append(n.kept[:0], n.kept[len(n.kept)-limit:]...)
	}
}

// list is what is kept, the newest first.
func (n *newest[R]) list(limit int) []R {
	out := append([]R{}, n.kept...)
	slices.Reverse(out)
	return out[:min(len(out), pageLimit(limit))]
}

type historyParams struct {
	Name  string    `query:"name" doc:"of a job, a destination or an account"`
	Kind  string    `query:"kind" doc:"pass, backup, run or verify"`
	Since time.Time `query:"since" doc:"only what ended then or later"`
	Limit int       `query:"limit" doc:"how many records are told at most: 1000 unless given"`
}

// history tells the newest records.
func (h *Handlers) history(_ *Call, p historyParams) ([]history.Record, error) {
	var all newest[history.Record]
	err := history.New(h.service.StateDir().History()).Follow().Poll(func(r *history.Record) error {
		of := p.Name == "" || p.Name == r.Job || p.Name == r.Destination || p.Name == r.Account || p.Name == r.Object()
		if !of || p.Kind != "" && p.Kind != string(r.Kind) || r.Ended.Before(p.Since) {
			return nil
		}
		all.add(r, p.Limit)
		return nil
	})
	return all.list(p.Limit), err
}

// job finds a job by name.
func (h *Handlers) job(name string) (*config.Config, *config.Job, error) {
	conf, err := h.service.Config()
	if err != nil {
		return nil, nil, err
	}
	j := conf.Jobs[name]
	if j == nil {
		return nil, nil, fmt.Errorf("job %s: not in the configuration: %w", name, iofs.ErrNotExist)
	}
	return conf, j, nil
}
