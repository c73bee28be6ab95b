// Package progress counts what a run does, and tells who listens. It must not know how anything is done.
package progress

import (
	"math"
	"sync/atomic"
)

// Listener hears how a run gets on, from several goroutines.
type Listener interface {
	Scanned(files, bytes int64)
	Planned(files, bytes int64) // to be sent or copied
	Sent(files, bytes int64)
}

// Silent is a listener that does not care.
type Silent struct{}

var _ Listener = Silent{}

// Scanned does nothing, as the other methods.
func (Silent) Scanned(_, _ int64) {}

// Planned does nothing.
func (Silent) Planned(_, _ int64) {}

// Sent does nothing.
func (Silent) Sent(_, _ int64) {}

// Counts are what a run has done so far.
type Counts struct {
	Listener
	Files, Missing                  atomic.Int64 // in the backup
	Bytes                           Size
	Uploaded, Copied, Linked        atomic.Int64 // files
	UploadedBytes, Deleted, Changed atomic.Int64
	Frozen                          atomic.Int64 // could not be read
}

// OfSource are the counts that start again with the source.
func (c *Counts) OfSource() []*atomic.Int64 {
	return []*atomic.Int64{&c.Files, &c.Uploaded, &c.Changed, &c.Frozen}
}

// Size is a number of bytes that several goroutines add to.
type Size struct{ n atomic.Int64 }

// Add adds a size; the sum stays at the largest number when it would be larger.
func (s *Size) Add(size int64) {
	for {
		old := s.n.Load()
		if s.n.CompareAndSwap(old, AddCapped(old, size)) {
			return
		}
	}
}

// Load is the sum so far.
func (s *Size) Load() int64 { return s.n.Load() }

// Store sets the sum.
func (s *Size) Store(n int64) { s.n.Store(n) }

// AddCapped adds sizes, which may be anything where files are sparse.
func AddCapped(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}
