package watch

import (
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/metrics"
	"slotfs/indexer/backup"
	"slotfs/indexer/scrub"
)

// Values are what the facts have for metrics. What only the process with the index knows is for that to add.
func (w *Watcher) Values(f *alarm.Facts, r *alarm.Report) *metrics.Values {
	v := &metrics.Values{Board: f.Board, Watched: f.Watched, Alarms: map[string]int{}, Undelivered: map[string]int{}}
	for _, event := range config.Events {
		v.Alarms[event] = 0
	}
	for _, finding := range r.Wrong() {
		v.Alarms[string(finding.Event)]++
	}
	notifiers, err := w.Notifiers(f.Config)
	if err != nil {
		w.Log.Warn("alarms", "error", err)
	}
	for _, n := range notifiers {
		v.Undelivered[n.Name] = n.Tries
	}
	for name, job := range f.Config.Jobs {
		v.Gone = append(v.Gone, metrics.Gone{Job: name, Destination: job.Destination, Accounts: len(f.Gone[name])})
	}
	for _, name := range f.Config.Names() {
		v.Destinations = append(v.Destinations, destination(f, name))
	}
	return v
}

func destination(f *alarm.Facts, name string) metrics.Destination {
	d := metrics.Destination{Name: name, Room: f.Room(name), Indexed: f.Holdings != nil, Accounts: len(f.Holdings[name])}
	for _, a := range f.Holdings[name] {
		if a.Newest.After(d.Newest) {
			d.Newest = a.Newest
		}
	}
	for _, job := range f.Config.UsedBy(name) {
		if t := f.LastGood(job); t.After(d.Newest) {
			d.Newest = t
		}
	}
	if since, looked := f.Outages[name]; looked {
		d.Link = &metrics.Link{Up: since.IsZero()}
	}
	d.Verified = verified(f, name)
	return d
}

// verified is what the history tells of the verifications of what is on a destination.
func verified(f *alarm.Facts, name string) metrics.Verified {
	var v metrics.Verified
	v.Share, _ = config.ParseShare(f.Config.Destinations[name].Scrub) // it was checked; without one it is 0
	for key, standing := range f.Board.All {
		if key.Kind != history.Verify || key.Destination != name || standing.Last.Result == "" {
			continue
		}
		ended := standing.Last.Ended
		if ended.After(v.Last) {
			v.Last = ended
		}
		if key.Job != "" && f.Watched(key) && (v.Oldest.IsZero() || ended.Before(v.Oldest)) {
			v.Oldest = ended
		}
	}
	return v
}

// Tally sums up snapshots, by destination.
type Tally map[string]*tallied

// tallied are the snapshots of a destination.
type tallied struct {
	statuses map[backup.Status]int
	oldest   time.Time // when all bytes were read last of what was not read for longest; zero: nothing can be compared
}

// Count counts the snapshots of an index.
func Count(all []*backup.Snapshot) Tally {
	t := Tally{}
	for _, s := range all {
		d := t[s.Destination]
		if d == nil {
			d = &tallied{statuses: map[backup.Status]int{}}
			t[s.Destination] = d
		}
		d.statuses[s.Status]++
		if at := s.LastRead(); scrub.Comparable(s) && (d.oldest.IsZero() || at.Before(d.oldest)) {
			d.oldest = at
		}
	}
	return t
}

// Snapshots is how many there are.
func (t Tally) Snapshots() int {
	all := 0
	for _, d := range t {
		for _, n := range d.statuses {
			all += n
		}
	}
	return all
}

// AddTo adds the counts to values.
func (t Tally) AddTo(v *metrics.Values, c *config.Config) {
	for i := range v.Destinations {
		d := &v.Destinations[i]
		d.Snapshots, d.Slots = map[string]int{}, map[string]int{}
		if t[d.Name] == nil {
			continue
		}
		if at := t[d.Name].oldest; !at.IsZero() {
			d.Verified.Oldest = at
		}
		for status, n := range t[d.Name].statuses {
			d.Snapshots[string(status)] += n
			if c.Destinations[d.Name].Engine == config.SlotsEngine {
				d.Slots[phase(status)] += n
			}
		}
	}
}

// phase is that of the slot with a snapshot of a status.
func phase(status backup.Status) string {
	switch status {
	case backup.Complete:
		return "complete"
	case backup.Corrupt:
		return "damaged"
	}
	return "updating"
}
