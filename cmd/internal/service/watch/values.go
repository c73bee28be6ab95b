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

// Count adds the snapshots of an index to values.
func Count(v *metrics.Values, c *config.Config, all []*backup.Snapshot) {
	by := map[string]*metrics.Destination{}
	for i := range v.Destinations {
		by[v.Destinations[i].Name] = &v.Destinations[i]
	}
	for _, s := range all {
		d := by[s.Destination]
		if d == nil {
			continue
		}
		if d.Snapshots == nil {
			d.Snapshots = map[string]int{}
		}
		d.Snapshots[string(s.Status)]++
		if c.Destinations[d.Name].Engine != config.SlotsEngine {
			continue
		}
		if d.Slots == nil {
			d.Slots = map[string]int{}
		}
		d.Slots[phase(s.Status)]++
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
