// Package progress turns a pass into events and events into lines for people. Events cross the control socket, so
// that a pass looks the same whichever process makes it. It must not know how passes are made.
package progress

import (
	"sync"
	"time"

	"slotfs/indexer"
	"slotfs/indexer/backup"
)

// Kind is what an event tells.
type Kind string

// The kinds of events.
const (
	Started  Kind = "started"  // a destination's pass begins
	Walked   Kind = "walked"   // Directories, Backups
	Planned  Kind = "planned"  // Backups, Bytes
	Began    Kind = "began"    // Source, Bytes (its size), Done (where it goes on from)
	Read     Kind = "read"     // Source, Done
	Ended    Kind = "ended"    // Source, Status, Detail or Error
	Finished Kind = "finished" // the pass is over: Summary, Error
)

// Event is one step of a pass.
type Event struct {
	Kind        Kind     `json:"kind"`
	Destination string   `json:"destination"`
	Source      *Source  `json:"source,omitempty"`
	Directories int      `json:"folders,omitempty"`
	Backups     int      `json:"backups,omitempty"`
	Bytes       int64    `json:"bytes,omitempty"`
	Done        int64    `json:"done,omitempty"`
	Status      string   `json:"status,omitempty"`
	Detail      string   `json:"detail,omitempty"`
	Error       string   `json:"error,omitempty"`
	Hint        string   `json:"hint,omitempty"`
	Code        int      `json:"code,omitempty"`
	Summary     *Summary `json:"summary,omitempty"`
}

// Source names a backup.
type Source struct {
	Path string `json:"path"` // on the destination
	Name string `json:"name"` // as people know it: origin/account/snapshot
	Tree bool   `json:"tree,omitempty"`
}

// Summary is what a pass did.
type Summary struct {
	Found       int      `json:"found"`
	Unchanged   int      `json:"unchanged"`
	Read        int      `json:"read"`
	Failed      int      `json:"failed"`
	Gone        int      `json:"gone"`
	Directories int      `json:"folders"`
	Errors      []string `json:"errors,omitempty"`
}

// SummaryOf puts a pass's summary into words.
func SummaryOf(s indexer.Summary) *Summary {
	out := &Summary{Found: s.Found, Unchanged: s.Unchanged, Read: s.Read, Failed: s.Failed, Gone: s.Gone, Directories: s.Directories}
	for _, err := range s.Errors {
		out.Errors = append(out.Errors, err.Error())
	}
	return out
}

// readEvery is the shortest time between two Read events of one source: more often nobody can look.
const readEvery = 200 * time.Millisecond

// Feed makes events of what the indexer tells.
type Feed struct {
	destination string
	emit        func(Event)
	now         func() time.Time

	mu sync.Mutex
	// mu guards what follows, and keeps the events in order.
	last   map[string]time.Time // when a source's last Read went out
	walked time.Time
}

var _ indexer.Progress = (*Feed)(nil)

// NewFeed hands the events of one destination's pass to emit, one at a time.
func NewFeed(destination string, now func() time.Time, emit func(Event)) *Feed {
	return &Feed{destination: destination, emit: emit, now: now, last: map[string]time.Time{}}
}

func (f *Feed) send(e Event) {
	e.Destination = f.destination
	f.emit(e)
}

// Walked tells of listed directories and recognised backups.
func (f *Feed) Walked(directories, backups int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.walked) >= readEvery {
		f.walked = now
		f.send(Event{Kind: Walked, Directories: directories, Backups: backups})
	}
}

// Planned tells how much the pass will read.
func (f *Feed) Planned(backups int, bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.send(Event{Kind: Planned, Backups: backups, Bytes: bytes})
}

// Began tells that a source is read now.
func (f *Feed) Began(s *backup.Source, size, from int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last[s.Key()] = f.now()
	f.send(Event{Kind: Began, Source: sourceOf(s), Bytes: size, Done: from})
}

// Read tells how far a source is, not more often than anybody can look.
func (f *Feed) Read(s *backup.Source, done int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.last[s.Key()]) >= readEvery {
		f.last[s.Key()] = now
		f.send(Event{Kind: Read, Source: sourceOf(s), Done: done})
	}
}

// Ended tells what became of a source.
func (f *Feed) Ended(s *backup.Source, snapshot *backup.Snapshot, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.last, s.Key())
	e := Event{Kind: Ended, Source: sourceOf(s)}
	if snapshot != nil {
		e.Status, e.Detail = string(snapshot.Status), snapshot.Detail
	}
	if err != nil {
		e.Error = err.Error()
	}
	f.send(e)
}

func sourceOf(s *backup.Source) *Source {
	name := s.Account
	if s.System || name == "" {
		name = "system"
	}
	if s.Origin != "" {
		name = s.Origin + "/" + name
	}
	return &Source{Path: s.Key(), Name: name + "/" + s.Name, Tree: s.Kind == backup.Tree || s.Kind == backup.Slot}
}
