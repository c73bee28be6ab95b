package service

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/passes"
	"slotfs/indexer/backup"
	"slotfs/indexer/scrub"
)

// holdings is what a report is made of.
type holdings interface {
	Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error)
	Stats(ctx context.Context) (index.Stats, error)
}

// report tells what the configuration and the index say.
func (e *Environment) report(ctx context.Context, c *config.Config, x holdings) (*api.Report, error) {
	stats, err := x.Stats(ctx)
	if err != nil {
		return nil, err
	}
	all, err := x.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	r := e.emptyReport()
	r.Index = api.IndexReport(stats)
	by := map[string]*api.DestinationReport{}
	for name, d := range c.Destinations {
		by[name] = &api.DestinationReport{Name: name, Engine: d.Engine, Address: d.Address(), Configured: true,
			Snapshots: map[backup.Status]int{}, Notes: []api.NoteReport{}, Concerns: []api.ConcernReport{}}
	}
	accounts := map[[3]string]bool{}
	for _, snapshot := range all {
		d := by[snapshot.Destination]
		if d == nil {
			d = &api.DestinationReport{Name: snapshot.Destination, Snapshots: map[backup.Status]int{}, Notes: []api.NoteReport{}, Concerns: []api.ConcernReport{}}
			by[snapshot.Destination] = d
		}
		count(d, snapshot, accounts)
	}
	for name, accounts := range alarm.Holdings(all) {
		by[name].Concerns = concerns(accounts)
	}
	for _, d := range by {
		d.LastPass, err = passes.Last(e.State.Passes(), d.Name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Log.Warn("last pass", "destination", d.Name, "error", err)
		}
		r.Destinations = append(r.Destinations, *d)
	}
	slices.SortFunc(r.Destinations, func(a, b api.DestinationReport) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return r, nil
}

func (e *Environment) emptyReport() *api.Report {
	return &api.Report{Version: e.Version, Config: e.ConfigPath, StateDir: string(e.State), Destinations: []api.DestinationReport{}}
}

// count adds a snapshot. accounts has those that were seen, by destination, origin and name.
func count(d *api.DestinationReport, s *backup.Snapshot, accounts map[[3]string]bool) {
	d.Snapshots[s.Status]++
	for i := range s.Notes {
		note(d, &s.Notes[i])
	}
	if s.Status == backup.Complete && (d.Newest == nil || s.Time.After(*d.Newest)) {
		t := s.Time
		d.Newest = &t
	}
	if scrub.Comparable(s) {
		d.Verified.Add(s, time.Now())
	}
	id := [3]string{s.Destination, s.Origin, s.Account}
	if !s.System && !accounts[id] {
		accounts[id] = true
		d.Accounts++
	}
}

// concerns tells which accounts have a newest good backup that is poorer than it should be, sorted.
func concerns(accounts []alarm.Account) []api.ConcernReport {
	all := []api.ConcernReport{}
	for _, a := range accounts {
		if len(a.Concerns) > 0 {
			all = append(all, api.ConcernReport{Account: path.Join(a.Origin, a.Name), Texts: a.Concerns})
		}
	}
	slices.SortFunc(all, func(a, b api.ConcernReport) int { return strings.Compare(a.Account, b.Account) })
	return all
}

// note adds what one snapshot says of its entries.
func note(d *api.DestinationReport, n *backup.Note) {
	at := slices.IndexFunc(d.Notes, func(r api.NoteReport) bool { return r.Kind == n.Kind })
	if at < 0 {
		at = len(d.Notes)
		d.Notes = append(d.Notes, api.NoteReport{Kind: n.Kind})
	}
	d.Notes[at].Entries += n.Count
	d.Notes[at].Snapshots++
}

// nothing is the holdings where there is no index yet.
type nothing struct{}

// Snapshots has none.
func (nothing) Snapshots(context.Context, string) ([]*backup.Snapshot, error) { return nil, nil }

// Stats counts nothing.
func (nothing) Stats(context.Context) (index.Stats, error) { return index.Stats{}, nil }

// Status asks the owner of the index, or looks into the index itself. Where the index cannot be asked it tells what the
// configuration and the records of passes say, and why.
func (e *Environment) Status(ctx context.Context) (*api.Report, error) {
	h, err := e.Health(ctx, 0)
	if err != nil {
		return nil, err
	}
	return h.Report, nil
}

// withoutIndex is the report without what the index has. fault says why it is not asked; nil: there is none yet.
func (e *Environment) withoutIndex(ctx context.Context, fault error) (*api.Report, error) {
	conf, err := e.Config()
	if err != nil {
		return nil, err
	}
	r, err := e.report(ctx, conf, nothing{})
	if err == nil && fault != nil {
		r.Fault = fault.Error()
	}
	return r, err
}
