// Package metrics shows what slotfs knows of itself to Prometheus, over HTTP and as a text file for node_exporter. It must not
// know where the values come from, and it decides nothing.
//
// Names follow Prometheus' conventions: base units, _total for what only grows. What belongs to a job's account has the labels
// job and account (and destination), what belongs to a destination has destination.
package metrics

import (
	"time"

	"slotfs/cmd/internal/service/history"
)

// Values are what is shown at one moment. What is not known is absent.
type Values struct {
	Version      string
	Board        *history.Board
	Watched      func(history.Key) bool // of the board; nil: all of it is shown
	Destinations []Destination
	Index        *Index
	Cache        *Cache
	// Mounted says whether the file system is there, in a process that has one.
	Mounted *bool
	// Alarms count what is wrong, by event; events of which there are none stand with 0.
	Alarms map[string]int
	// Gone count the accounts that the runs of a job find no more.
	Gone []Gone
	// Undelivered are the deliveries that failed in a row, by notifier.
	Undelivered map[string]int
}

// Destination is what is known of one destination.
type Destination struct {
	Name      string
	Indexed   bool           // what follows is known
	Snapshots map[string]int // by status
	Slots     map[string]int // by phase; nil: it has none
	Accounts  int
	Newest    time.Time // good backup; zero: there is none
	Room      history.Room
	Link      *Link
	Verified  Verified
}

// Verified tells how far backups were read again.
type Verified struct {
	Last   time.Time // when the last verification ended; zero: there was none
	Oldest time.Time // when what was not read and compared for longest was so last; zero: not known
	Share  float64   // of all bytes that is to be verified each day; 0: none
}

// Gone counts accounts of a job.
type Gone struct {
	Job, Destination string
	Accounts         int
}

// Link is how a process reaches a destination.
type Link struct {
	Up          bool
	Connections int
	Retries     int64 // since the process began
	RoundTrip   time.Duration
}

// Index tells how much the index holds.
type Index struct{ Snapshots, Directories, Points, DiskBytes int64 }

// Cache tells about the cache of a mount.
type Cache struct{ Bytes, Limit, Hits, Misses int64 }
