package watch

import (
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/metrics"
	"slotfs/indexer/backup"
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
	return d
}

// Tally counts snapshots, by destination and status.
type Tally map[string]map[backup.Status]int

// Count counts the snapshots of an index.
func Count(all []*backup.Snapshot) Tally {
	t := Tally{}
	for _, s := range all {
		if t[s.Destination] == nil {
			t[s.Destination] = map[backup.Status]int{}
		}
		t[s.Destination][s.Status]++
	}
	return t
}

// AddTo adds the counts to values.
func (t Tally) AddTo(v *metrics.Values, c *config.Config) {
	for i := range v.Destinations {
		d := &v.Destinations[i]
		d.Snapshots, d.Slots = map[string]int{}, map[string]int{}
		for status, n := range t[d.Name] {
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
