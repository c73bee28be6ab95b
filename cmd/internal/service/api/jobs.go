package api

import (
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/service/slots"
	"slotfs/sftpdest/slot"
)

// jobRoutes are those about jobs and their slots.
func (h *Handlers) jobRoutes() []route {
	const one = "/jobs/{job}/slots/{account}/{slot}"
	return []route{
		get("/jobs", "each job with its settings and how its last run ended", administrators, h.jobs),
		change("POST", "/jobs/{job}/run", "a run of the job is begun that nobody waits for: /jobs tells how it ended", administrators, func(_ *Call, p jobParams, _ none) (jobs.Launch, error) {
			if _, _, err := h.job(p.Job); err != nil {
				return jobs.Launch{}, err
			}
			return h.launches.Start(h.work, p.Job)
		}),
		get("/jobs/{job}/slots", "the slots that a job wrote; its destination is asked", administrators, h.slots),
		change("POST", one+"/pin", "the slot is not overwritten any more", administrators, func(c *Call, p slotParams, _ none) (slots.Changed, error) {
			return h.changeSlot(p, func(s *slots.Set) (slots.Changed, error) { return s.Pin(c.Context, p.Account, p.Slot, true, p.Adopt) })
		}),
		change("POST", one+"/unpin", "the slot is overwritten again when it is its turn", administrators, func(c *Call, p slotParams, _ none) (slots.Changed, error) {
			return h.changeSlot(p, func(s *slots.Set) (slots.Changed, error) { return s.Pin(c.Context, p.Account, p.Slot, false, p.Adopt) })
		}),
		change("DELETE", one, "the slot is removed with the backup in it", administrators, func(c *Call, p deleteParams, _ none) (slots.Changed, error) {
			return h.changeSlot(p.slotParams, func(s *slots.Set) (slots.Changed, error) {
				return s.Delete(c.Context, p.Account, p.Slot, slot.DeleteOptions{Last: p.Force, Adopt: p.Adopt})
			})
		}),
		lines("POST", "/jobs/{job}/verify", "slots are compared with their manifests; what differs is repaired by the next run", administrators, h.verify),
	}
}

// JobReport tells about one job.
type JobReport struct {
	jobs.Settings
	LastRun *history.Record `json:"last_run,omitempty"`
	Launch  *jobs.Launch    `json:"launch,omitempty"` // the last run that this service was asked for
}

func (h *Handlers) jobs(_ *Call, _ none) ([]JobReport, error) {
	conf, err := h.service.Config()
	if err != nil {
		return nil, err
	}
	last := map[string]*history.Record{}
	err = history.New(h.service.StateDir().History()).Follow().Poll(func(r *history.Record) error {
		if r.Kind == history.Run {
			own := *r
			last[r.Job] = &own
		}
		return nil
	})
	out := []JobReport{}
	for _, name := range conf.JobNames() {
		out = append(out, JobReport{jobs.SettingsOf(conf.Jobs[name]), last[name], h.launches.Of(name)})
	}
	return out, err
}

type slotsParams struct {
	Job     string `path:"job" doc:"its name"`
	Account string `query:"account" doc:"only the slots of this one"`
}

// slots lists slots. Where some accounts cannot be listed the others are told.
func (h *Handlers) slots(c *Call, p slotsParams) (out []slots.Slot, err error) {
	err = h.onJob(p.Job, func(s *slots.Set) error {
		out, err = s.List(c.Context, p.Account)
		return err
	})
	if out != nil {
		err = nil
	}
	return out, err
}

type slotParams struct {
	Job     string `path:"job" doc:"its name"`
	Account string `path:"account" doc:"its name"`
	Slot    int    `path:"slot" doc:"its number"`
	Adopt   bool   `query:"adopt" doc:"slots of another machine are taken over"`
}

type deleteParams struct {
	slotParams
	Force bool `query:"force" doc:"also the only complete backup of the account"`
}

// changeSlot changes a slot of a job.
func (h *Handlers) changeSlot(p slotParams, do func(*slots.Set) (slots.Changed, error)) (out slots.Changed, err error) {
	err = h.onJob(p.Job, func(s *slots.Set) error {
		out, err = do(s)
		return err
	})
	return out, err
}

// onJob opens the destination of a job.
func (h *Handlers) onJob(name string, do func(*slots.Set) error) error {
	conf, j, err := h.job(name)
	if err != nil {
		return err
	}
	d, err := h.service.OpenStore(conf.Destinations[j.Destination])
	if err != nil {
		return err
	}
	defer d.Close()
	return do(&slots.Set{Job: j, State: h.service.StateDir(), Store: d, Warn: func(string, string) {}})
}

type jobParams struct {
	Job string `path:"job" doc:"its name"`
}

// Verify says what to verify.
type Verify struct {
	Account string  `json:"account,omitempty"` // nothing: all
	Slot    int     `json:"slot,omitempty"`    // nothing: all
	Sample  float64 `json:"sample"`            // share of the files whose content is read: 0 to 1
}

func (h *Handlers) verify(c *Call, p jobParams, v Verify, yield func(slots.Verified) error) error {
	return h.onJob(p.Job, func(s *slots.Set) error {
		return s.Verify(c.Context, slots.Verification{Account: v.Account, Slot: v.Slot, Sample: v.Sample}, func(got slots.AccountVerified) {
			for _, one := range got.Slots {
				_ = yield(one) // who hung up ends it by his context
			}
			if got.Err != nil {
				_ = yield(slots.Verified{Account: got.Account, Differences: []slots.Difference{}, Error: got.Err.Error()})
			}
		})
	})
}
