package live

import (
	"slices"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/fs/restore/live/record"
)

// Past is a restore into a live account of which there is a record.
type Past struct {
	ID      string     `json:"id"` // to undo it by
	Time    time.Time  `json:"time"`
	Who     string     `json:"who,omitempty"`
	Kind    string     `json:"kind"`
	Account string     `json:"account"`
	Source  string     `json:"source"` // path of what was restored; of an undo: the id that it put back
	Target  string     `json:"target"`
	Stage   string     `json:"stage"` // done, failed (nothing was changed), or where it was interrupted
	Undone  string     `json:"undone,omitempty"`
	Group   string     `json:"group,omitempty"` // the restore that this one was part of
	Until   *time.Time `json:"until,omitempty"` // what was there before is kept until then; absent: for good
}

// Past tells about the restores of which there are records, those of the account Owner alone if there is one, the newest first.
func (l *Live) Past() ([]Past, error) {
	all, err := l.store().List()
	out := []Past{}
	for _, r := range slices.Backward(all) {
		if l.Owner != "" && r.Account != l.Owner {
			continue
		}
		out = append(out, l.past(r))
	}
	return out, err
}

func (l *Live) past(r *record.Record) Past {
	p := Past{ID: r.ID, Time: r.Time, Who: r.Who, Kind: r.Kind, Account: r.Account, Source: r.Source, Target: r.Target, Stage: r.Stage, Undone: r.Undone, Group: r.Group}
	if keep := l.Config.KeepBefore; keep != config.Never {
		until := r.Time.Add(keep)
		p.Until = &until
	}
	return p
}
