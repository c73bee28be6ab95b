// Package indexer makes passes over destinations: it walks one, asks its engine what is there, reads what is
// new or changed, commits it, and forgets what is gone. It knows neither the protocol nor the store.
package indexer

import (
	"context"
	"log/slog"
	"time"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/concern"
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

// Points keeps seek points, and hands out the serials they are kept under.
type Points interface {
	// NextSerial hands out a serial that was never used. What is put from then on is not swept
	// until ReleaseSerial, whether a snapshot refers to it by then or not.
	NextSerial() (uint64, error)
	ReleaseSerial(serial uint64)
	PutPoint(ctx context.Context, serial uint64, p *gzseek.Point) error
}

// Tables keeps where the tables of the SQL dumps of an archive lie.
type Tables interface {
	// PutTables keeps them of the dump whose content begins at offset, for as long as something has the serial.
	PutTables(ctx context.Context, serial uint64, offset int64, tables []byte) error
}

// Sweeper deletes what no snapshot reaches any more.
type Sweeper interface {
	Sweep(ctx context.Context) (deleted int, err error)
}

// Index is everything that a pass writes to.
type Index interface {
	Store
	Snapshots
	Sweeper
}

// Plan hears what a pass has before it.
type Plan interface {
	// Walked says how many directories were listed and backups recognised so far.
	Walked(directories, backups int)
	// Planned says how many backups will be read and how many bytes those of them have whose size is
	// known before (archives, as stored).
	Planned(backups int, bytes int64)
}

// Reading hears how a backup is read.
type Reading interface {
	// Began says that a backup is read from now on: the bytes it has as stored (0 for a tree) and where
	// reading goes on.
	Began(s *backup.Source, size, from int64)
	// Read says how far reading came: bytes as stored, or entries of a tree.
	Read(s *backup.Source, done int64)
	// Ended says what became of it. err is set when it could not be read now.
	Ended(s *backup.Source, snapshot *backup.Snapshot, err error)
}

// Progress hears how a pass gets on. Its methods are called from several goroutines.
type Progress interface {
	Plan
	Reading
}

// Options of a pass.
type Options struct {
	Destination string // its name
	Account     string // only this account, or "" for all
	Full        bool   // read everything again, whatever its fingerprint
	Parallel    int    // backups read side by side, a multiple of it where they are small; default 2
	Log         *slog.Logger
	Progress    Progress // may be nil
	Now         func() time.Time
	Memory      *Memory        // shared with other passes of the process; may be nil
	Limits      concern.Limits // of what is poorer than the backup before
	Every       int64          // bytes of uncompressed archive between two saved states; 0: 256 MiB
}

// Summary is what a pass did.
type Summary struct {
	Found       int     // backups recognised
	Unchanged   int     // of those, known from an earlier pass
	Read        int     // indexed in this pass, whatever their status
	Failed      int     // not readable now, or with a status other than complete
	Gone        int     // forgotten, because they are no longer on the destination
	Directories int     // listed
	Errors      []error // about single backups and directories, at most maxErrors
	// Concerns are in words what is new of backups that are poorer than they should be, at most maxErrors.
	Concerns []string
}

// maxErrors bounds Summary.Errors: one bad disk must not fill the memory.
const maxErrors = 100

// listConcurrency is how many directories are listed side by side. A directory costs two round trips, so that at a distance a walk is
// as fast as this many listings in flight: 10,000 directories a second at 20 ms would need 400.
const listConcurrency = 256
