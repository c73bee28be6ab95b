package slots

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/gone"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
	"slotfs/sftpdest/slot/retention"
)

// Slot is one slot of a job.
type Slot struct {
	Account    string     `json:"account"`
	Slot       int        `json:"slot"`
	Gen        uint64     `json:"gen"`
	Phase      string     `json:"phase"`
	Mode       string     `json:"mode"`
	Started    *time.Time `json:"started,omitempty"`
	Finished   *time.Time `json:"finished,omitempty"`
	Entries    int64      `json:"entries"`
	Bytes      int64      `json:"bytes"`
	Durability string     `json:"durability,omitempty"`
	Missing    int64      `json:"missing"`
	Pinned     bool       `json:"pinned"`
	KeptBy     string     `json:"kept_by,omitempty"` // rule of the policy
	Next       string     `json:"next,omitempty"`    // the next run takes this slot: why
	Verified   *time.Time `json:"verified,omitempty"`
	Gone       bool       `json:"gone,omitempty"`       // runs of this machine do not find the account
	GoneSince  *time.Time `json:"gone_since,omitempty"` // first day that counts for gone-after
	Error      string     `json:"error,omitempty"`
}

func shown(account string, s slot.Slot) Slot {
	st := s.State
	out := Slot{Account: account, Slot: st.Slot, Gen: st.Gen, Phase: string(st.Phase), Mode: string(st.Mode),
		Started: known(st.Started), Finished: known(st.Finished), Durability: st.Durability, Pinned: st.Pinned, Verified: known(st.Verified)}
	if st.Manifest != nil && st.Phase == manifest.Complete {
		out.Entries, out.Bytes, out.Missing = st.Manifest.Entries, st.Manifest.Bytes, st.Missing
	}
	switch {
	case errors.Is(s.Err, fs.ErrNotExist): // a run ended before it had written the state
		out.Phase = "begun"
	case s.Err != nil:
		out.Phase, out.Error = "unreadable", s.Err.Error()
	}
	return out
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// shownAll has one slot more than there is if the next run makes a new one: its phase is "free".
// One of an account that is gone goes with none.
func (s *Set) shownAll(account string, all []slot.Slot, absence *gone.Absence) (rows []Slot) {
	next, kept, err := slot.Outlook(s.Job.Policy, all, time.Now())
	if absence != nil {
		next = retention.Choice{}
	}
	for _, one := range all {
		row := shown(account, one)
		if s.Job.Policy.Last == 0 {
			row.KeptBy = kept[row.Slot]
		}
		if err == nil && row.Slot == next.Number {
			row.Next = next.Reason
		}
		if absence != nil {
			row.Gone, row.GoneSince = true, known(absence.Since)
		}
		rows = append(rows, row)
	}
	if err == nil && next.New {
		rows = append(rows, Slot{Account: account, Slot: next.Number, Phase: "free", Mode: s.Job.Mode, Next: next.Reason})
	}
	return rows
}

// List tells about the slots of all accounts, or of one. Where some accounts cannot be listed it gives the others with an error whose
// exit code is Partial.
func (s *Set) List(ctx context.Context, only string) ([]Slot, error) {
	accounts, err := s.accounts(ctx, only)
	if err != nil {
		return nil, err
	}
	missing, err := gone.Load(s.State, s.Job)
	if err != nil {
		return nil, err
	}
	rows, failed := []Slot{}, 0
	var last error
	type listed struct {
		slots []slot.Slot
		err   error
	}
	list := func(account string) listed {
		all, err := s.read(ctx, account)
		return listed{all, err}
	}
	for account, got := range orderedParallel(ctx, accounts, list) {
		if only == "" && errors.Is(got.err, errNoSlots) {
			continue
		}
		if got.err != nil {
			failed, last = failed+1, got.err
			continue
		}
		rows = append(rows, s.shownAll(account, got.slots, missing.Accounts[account])...)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case failed > 0 && failed == len(accounts):
		return nil, last
	case last != nil:
		return rows, exit.With(last, exit.Partial, "")
	}
	return rows, nil
}
