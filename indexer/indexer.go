// Package indexer makes passes over destinations: it walks one, asks its engine what is there, reads what is new
// or changed, commits it, and forgets what is gone. It knows neither the protocol nor the store.
package indexer

import (
	"context"
	"log/slog"
	"time"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// Snapshots is the catalog that a pass compares with and commits to.
type Snapshots interface {
	Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error)
	PutSnapshot(ctx context.Context, s *backup.Snapshot) error
	DeleteSnapshot(ctx context.Context, destination, key string) error
}

// States keeps how far unfinished passes came.
type States interface {
	SaveState(ctx context.Context, destination, key string, u *backup.Unfinished) error
	LoadState(ctx context.Context, destination, key string) (*backup.Unfinished, error)
	DropState(ctx context.Context, destination, key string) error
}

// Points keeps seek points and hands out the serials they are kept under.
type Points interface {
	NextSerial() (uint64, error)
	PutPoint(ctx context.Context, serial uint64, p *gzseek.Point) error
}

// Index is everything that a pass writes to; package cache/index has it.
type Index interface {
	tree.Store
	Snapshots
	States
	Points
}

// Progress hears how a pass gets on. Its methods are called from several goroutines.
type Progress interface {
	// Walked says how many folders were listed and backups recognised so far.
	Walked(folders, backups int)
	// Began says that a backup is read now: the source, the bytes it has (compressed; 0 for trees) and where it goes on from.
	Began(s *backup.Source, size, from int64)
	// Read says how many bytes (for a tree: entries) of a source passed so far.
	Read(s *backup.Source, done int64)
	// Ended says what became of it. err is set when the pass could not read it now.
	Ended(s *backup.Source, snapshot *backup.Snapshot, err error)
	// Planned says how many backups the pass will read and how many bytes they have.
	Planned(backups int, bytes int64)
}

// Options of a pass.
type Options struct {
	Destination string // its name
	Account     string // only this account, or "" for all
	Full        bool   // read everything again, whatever its fingerprint
	Parallel    int    // archives read side by side; default 2
	Log         *slog.Logger
	Progress    Progress // may be nil
	Now         func() time.Time
	Spacing     int64 // of seek points; 0 is the default
	Every       int64 // bytes of uncompressed archive between two saved states; 0 is the default
}

// Summary is what a pass did.
type Summary struct {
	Found     int // backups recognised
	Unchanged int
	Read      int     // indexed in this pass, whatever their status
	Failed    int     // could not be read now, or have a status other than complete
	Gone      int     // forgotten
	Folders   int     // listed
	Errors    []error // of single backups, at most 100
}

// Pass indexes a destination once. Its error is what ended the pass as a whole (the network, the index, ctx);
// what is wrong with single backups is in the Summary. A snapshot is forgotten only if its folder was listed
// without error.
func Pass(ctx context.Context, d dest.Destination, e engine.Engine, x Index, o Options) (Summary, error) {
	panic("unwritten")
}
