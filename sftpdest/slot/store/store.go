// Package store is a destination as the writer of slots needs it: requests whose connection was lost are repeated where that is
// safe, nothing is moved or removed after the lease is lost, attributes that the server refuses are left out, what the server
// cannot do is remembered, and content keeps to the bandwidth limit. Each of these is a layer over the destination in a file of
// its own. It must not know in which order a backup is written.
package store

import (
	"crypto/rand"
	"encoding/hex"
	"sync/atomic"

	"slotfs/indexer/dest"
)

// server is a destination with all that it may offer. What it does not offer answers errors.ErrUnsupported.
type server interface {
	dest.ReadWriter
	dest.FileWriter
	dest.Copier
	dest.RangeCopier
	dest.Linker
	dest.Symlinker
	dest.DirSyncer
	dest.DurableRenamer
	dest.StatFS
}

// Store is a destination for one run.
type Store struct {
	server // all layers, the retries on top
	*Budget
	*Facts
	*Listings
	Run string // id of the run, in the names of its temporary files

	raw   offered // the destination itself
	fence *fenced
	knows *capabilities
	attrs *attributes
	links links
	seq   atomic.Int64
	resumable
}

// New composes the layers.
func New(d dest.ReadWriter, b *Budget) *Store {
	var id [6]byte
	_, _ = rand.Read(id[:]) // it never fails
	s := &Store{Run: hex.EncodeToString(id[:]), Budget: b, Facts: &Facts{}, raw: offered{d}}
	s.knows = &capabilities{server: s.raw, Facts: s.Facts}
	s.attrs = &attributes{server: s.knows, Facts: s.Facts}
	s.fence = &fenced{server: replacing{s.attrs}}
	s.server = retrying{s.fence}
	s.Listings = &Listings{lister: s.server}
	return s
}

// Raw is the destination below all layers.
func (s *Store) Raw() dest.ReadWriter { return s.raw.ReadWriter }

// Next is a number that this run has not used yet.
func (s *Store) Next() int64 { return s.seq.Add(1) }

// Close waits for what is on its way. The destination stays open.
func (s *Store) Close() { s.await() }
