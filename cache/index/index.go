// Package index keeps what passes found: nodes, seek points, snapshots and the state of unfinished passes, in
// badger. It is derived data: another format version is refused with the advice to rebuild. It knows no destination.
package index

import (
	"context"
	"errors"
	"log/slog"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
)

var (
	// ErrBusy says that another process owns the index.
	ErrBusy = errors.New("index in use by another process")
	// ErrVersion says that the index has another format version.
	ErrVersion = errors.New("index of another format version")
	// ErrDamaged says that something in the index does not match its hash or cannot be decoded.
	ErrDamaged = errors.New("index damaged")
	// ErrFull says that the disk of the index has no room.
	ErrFull = errors.New("no space left for the index")
)

// Index is an open index. It is safe for concurrent use.
type Index struct{}

// Options of Open.
type Options struct {
	Log *slog.Logger
}

// Open opens or creates the index in dir.
func Open(dir string, o Options) (*Index, error) { panic("unwritten") }

// Remove deletes the index in dir, for a rebuild. It refuses with ErrBusy while a process owns it.
func Remove(dir string) error { panic("unwritten") }

// Close writes everything out.
func (x *Index) Close() error { panic("unwritten") }

// Get returns a node or blob, checked against its hash. Missing or wrong: ErrDamaged.
func (x *Index) Get(ctx context.Context, h backup.Hash) ([]byte, error) { panic("unwritten") }

// Put stores a node or blob. It is durable after the next Commit, PutSnapshot or SaveState returned.
func (x *Index) Put(ctx context.Context, h backup.Hash, data []byte) error { panic("unwritten") }

// PutPoint stores a seek point of the archive of a snapshot, durable like Put.
func (x *Index) PutPoint(ctx context.Context, serial uint64, p *gzseek.Point) error {
	panic("unwritten")
}

// Point returns the last point at or before the uncompressed offset out.
func (x *Index) Point(ctx context.Context, serial uint64, out int64) (*gzseek.Point, error) {
	panic("unwritten")
}

// NextSerial hands out a serial that was never used in this index.
func (x *Index) NextSerial() (uint64, error) { panic("unwritten") }

// PutSnapshot makes a snapshot visible, whole, replacing the one with the same destination and Key. Everything put
// before is durable then. The seek points of a replaced snapshot with another serial are removed, and so is the unfinished
// state of the source.
func (x *Index) PutSnapshot(ctx context.Context, s *backup.Snapshot) error { panic("unwritten") }

// DeleteSnapshot removes a snapshot and its seek points.
func (x *Index) DeleteSnapshot(ctx context.Context, destination, key string) error {
	panic("unwritten")
}

// Snapshot returns one record; fs.ErrNotExist where there is none.
func (x *Index) Snapshot(ctx context.Context, destination, key string) (*backup.Snapshot, error) {
	panic("unwritten")
}

// Snapshots returns the records of a destination, or of all for "", sorted by destination and key.
func (x *Index) Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error) {
	panic("unwritten")
}

// SaveState records how far a pass came. Everything put before is durable then.
func (x *Index) SaveState(ctx context.Context, destination, key string, u *backup.Unfinished) error {
	panic("unwritten")
}

// LoadState returns the unfinished pass over a source; fs.ErrNotExist where there is none.
func (x *Index) LoadState(ctx context.Context, destination, key string) (*backup.Unfinished, error) {
	panic("unwritten")
}

// DropState forgets an unfinished pass and the seek points of its serial.
func (x *Index) DropState(ctx context.Context, destination, key string) error { panic("unwritten") }

// Sweep deletes nodes that no snapshot and no unfinished pass reaches, and gives disk space back. Nodes
// put while it runs are kept.
func (x *Index) Sweep(ctx context.Context) (deleted int, err error) { panic("unwritten") }

// Stats tells how much the index holds.
type Stats struct {
	Snapshots, Nodes, Points int64
	NodeBytes, PointBytes    int64 // as stored
	DiskBytes                int64
}

// Stats counts.
func (x *Index) Stats(ctx context.Context) (Stats, error) { panic("unwritten") }
