package main

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/passes"
	"slotfs/indexer/backup"
)

// report is what `slotfs status` shows, on the control socket and with --json.
type report struct {
	Version      string              `json:"version"`
	PID          int                 `json:"pid,omitempty"` // of the process that has the index
	Since        *time.Time          `json:"since,omitempty"`
	Mountpoint   string              `json:"mountpoint,omitempty"`
	Passes       int                 `json:"passes,omitempty"` // under way
	Config       string              `json:"config"`
	StateDir     string              `json:"state_dir"`
	Fault        string              `json:"fault,omitempty"` // why the index is not told about
	Index        indexReport         `json:"index"`
	Cache        *cacheReport        `json:"cache,omitempty"` // of the mount
	Destinations []destinationReport `json:"destinations"`
}

// indexReport tells how much the index holds.
type indexReport struct {
	Snapshots  int64 `json:"snapshots"`
	Nodes      int64 `json:"nodes"`
	Points     int64 `json:"points"`
	NodeBytes  int64 `json:"node_bytes"`
	PointBytes int64 `json:"point_bytes"`
	DiskBytes  int64 `json:"disk_bytes"`
}

// destinationReport tells about one destination.
type destinationReport struct {
	Name       string                `json:"name"`
	Engine     string                `json:"engine,omitempty"`
	Address    string                `json:"address,omitempty"`
	Configured bool                  `json:"configured"`
	Accounts   int                   `json:"accounts"`
	Snapshots  map[backup.Status]int `json:"snapshots"`
	Notes      []noteReport          `json:"notes"`
	Newest     *time.Time            `json:"newest,omitempty"` // complete snapshot
	Running    *passes.Running       `json:"running,omitempty"`
	LastPass   *passes.Record        `json:"last_pass,omitempty"`
	NextPass   *time.Time            `json:"next_pass,omitempty"`
}

// noteReport tells what was bounded, skipped or left out in how many snapshots of a destination.
type noteReport struct {
	Kind      backup.NoteKind `json:"kind"`
	Entries   uint64          `json:"entries"`
	Snapshots int             `json:"snapshots"`
}

// holdings is what a report is made of.
type holdings interface {
	Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error)
	Stats(ctx context.Context) (index.Stats, error)
}

// report tells what the configuration and the index say.
func (s *settings) report(ctx context.Context, c *config.Config, x holdings) (*report, error) {
	stats, err := x.Stats(ctx)
	if err != nil {
		return nil, err
	}
	all, err := x.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	r := s.emptyReport()
	r.Index = indexReport(stats)
	by := map[string]*destinationReport{}
	for name, d := range c.Destinations {
		by[name] = &destinationReport{Name: name, Engine: d.Engine, Address: address(d), Configured: true,
			Snapshots: map[backup.Status]int{}, Notes: []noteReport{}}
	}
	accounts := map[[3]string]bool{}
	for _, snapshot := range all {
		d := by[snapshot.Destination]
		if d == nil {
			d = &destinationReport{Name: snapshot.Destination, Snapshots: map[backup.Status]int{}, Notes: []noteReport{}}
			by[snapshot.Destination] = d
		}
		d.count(snapshot, accounts)
	}
	for _, d := range by {
		d.LastPass, err = passes.Last(s.state.Passes(), d.Name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("last pass", "destination", d.Name, "error", err)
		}
		r.Destinations = append(r.Destinations, *d)
	}
	slices.SortFunc(r.Destinations, func(a, b destinationReport) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return r, nil
}

func (s *settings) emptyReport() *report {
	return &report{Version: fullVersion(), Config: s.configPath, StateDir: string(s.state), Destinations: []destinationReport{}}
}

// count adds a snapshot. accounts has those that were seen, by destination, origin and name.
func (d *destinationReport) count(s *backup.Snapshot, accounts map[[3]string]bool) {
	d.Snapshots[s.Status]++
	for i := range s.Notes {
		d.note(&s.Notes[i])
	}
	if s.Status == backup.Complete && (d.Newest == nil || s.Time.After(*d.Newest)) {
		t := s.Time
		d.Newest = &t
	}
	id := [3]string{s.Destination, s.Origin, s.Account}
	if !s.System && !accounts[id] {
		accounts[id] = true
		d.Accounts++
	}
}

// note adds what one snapshot says of its entries.
func (d *destinationReport) note(n *backup.Note) {
	at := slices.IndexFunc(d.Notes, func(r noteReport) bool { return r.Kind == n.Kind })
	if at < 0 {
		at = len(d.Notes)
		d.Notes = append(d.Notes, noteReport{Kind: n.Kind})
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
