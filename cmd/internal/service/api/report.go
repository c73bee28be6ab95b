package api

import (
	"time"

	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/service/watch"
	"slotfs/indexer/backup"
)

// Report is what `slotfs status` shows, on the control socket and with --json.
type Report struct {
	Version      string              `json:"version"`
	PID          int                 `json:"pid,omitempty"` // of the process that has the index
	Since        *time.Time          `json:"since,omitempty"`
	Mountpoint   string              `json:"mountpoint,omitempty"`
	Serves       bool                `json:"serves,omitempty"` // the process runs the schedules: it is a mount, or serves
	Passes       int                 `json:"passes,omitempty"` // under way
	Config       string              `json:"config"`
	StateDir     string              `json:"state_dir"`
	Fault        string              `json:"fault,omitempty"` // why the index is not told about
	Index        IndexReport         `json:"index"`
	Cache        *CacheReport        `json:"cache,omitempty"` // of the mount
	Destinations []DestinationReport `json:"destinations"`
	Wrong        []alarm.Finding     `json:"wrong,omitempty"`
	Notifiers    []watch.Notifier    `json:"notifiers,omitempty"`
}

// IndexReport tells how much the index holds.
type IndexReport struct {
	Snapshots  int64 `json:"snapshots"`
	Nodes      int64 `json:"nodes"`
	Points     int64 `json:"points"`
	NodeBytes  int64 `json:"node_bytes"`
	PointBytes int64 `json:"point_bytes"`
	DiskBytes  int64 `json:"disk_bytes"`
}

// DestinationReport tells about one destination.
type DestinationReport struct {
	Name       string                `json:"name"`
	Engine     string                `json:"engine,omitempty"`
	Address    string                `json:"address,omitempty"`
	Configured bool                  `json:"configured"`
	Accounts   int                   `json:"accounts"`
	Snapshots  map[backup.Status]int `json:"snapshots"`
	Notes      []NoteReport          `json:"notes"`
	Concerns   []ConcernReport       `json:"concerns"`
	Newest     *time.Time            `json:"newest,omitempty"` // complete snapshot
	Running    *passes.Running       `json:"running,omitempty"`
	LastPass   *passes.Record        `json:"last_pass,omitempty"`
	NextPass   *time.Time            `json:"next_pass,omitempty"`
	Verified   VerifiedReport        `json:"verified"`
}

// VerifiedReport tells how much of the bytes of a destination's backups was read and compared again when. What was verified within
// seven days was so within thirty as well.
type VerifiedReport struct {
	Bytes       int64 `json:"bytes"` // of all backups that can be compared, as stored
	Week        int64 `json:"within_7_days"`
	Month       int64 `json:"within_30_days"`
	Quarter     int64 `json:"within_90_days"`
	Ever        int64 `json:"ever"`
	Noted       int64 `json:"noted"`     // read, but not compared yet: there was nothing to compare with
	Differing   int64 `json:"differing"` // not as indexed when it was read last
	Differences int64 `json:"differences"`
}

// Add counts a snapshot.
func (r *VerifiedReport) Add(s *backup.Snapshot, now time.Time) {
	size, v := s.StoredSize(), &s.Verified
	r.Bytes += size
	r.Differences += int64(v.Differences)
	switch {
	case v.Differences > 0:
		r.Differing += size
		return
	case v.At.IsZero() && !v.Recorded.IsZero():
		r.Noted += size
		return
	case v.At.IsZero():
		return
	}
	r.Ever += size
	for _, age := range []struct {
		days int
		sum  *int64
	}{{7, &r.Week}, {30, &r.Month}, {90, &r.Quarter}} {
		if now.Sub(v.At).Abs() <= time.Duration(age.days)*24*time.Hour { // a time that is far ahead was noted by a clock that was wrong
			*age.sum += size
		}
	}
}

// NoteReport tells what was bounded, skipped or left out in how many snapshots of a destination.
type NoteReport struct {
	Kind      backup.NoteKind `json:"kind"`
	Entries   uint64          `json:"entries"`
	Snapshots int             `json:"snapshots"`
}

// ConcernReport tells in which ways the newest good backup of an account is poorer than it should be.
type ConcernReport struct {
	Account string   `json:"account"` // with its origin: "srv1/alice"
	Texts   []string `json:"texts"`
}

// CacheReport tells about the cache of a mount.
type CacheReport struct {
	Bytes   int64 `json:"bytes"`
	Limit   int64 `json:"limit"`
	Blocks  int   `json:"blocks"`
	Hits    int64 `json:"hits"` // since the mount
	Misses  int64 `json:"misses"`
	Dropped int64 `json:"dropped"`
	Damaged int64 `json:"damaged"`
	Off     bool  `json:"off"`
}
