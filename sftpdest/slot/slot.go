// Package slot writes backups into rotating slots on a destination, so that at every instant at least N-1 of N are
// complete, an interrupted one is resumed and never taken for a backup, and nothing stands half-written under its
// name. It knows the destination contract, not SFTP. The format is in package manifest.
package slot

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

var (
	// ErrBusy says that another run holds the account.
	ErrBusy = errors.New("another run holds the account")
	// ErrMassChange says that so much of the source is gone that it looks like an accident.
	ErrMassChange = errors.New("most of what the last backup has is gone from the source")
	// ErrFull says that the server has no room.
	ErrFull = errors.New("no space left on the destination")
)

// Fill is how files that another slot holds already get into this one.
type Fill string

// The ways to fill a slot.
const (
	FillAuto   Fill = "auto" // copy where the server can, else upload
	FillUpload Fill = "upload"
	FillCopy   Fill = "copy"
	FillLink   Fill = "link"
)

// Store is the destination of a slot writer.
type Store interface {
	dest.Changeable
}

// Options of a run over one account.
type Options struct {
	Job, Account    string
	Folder          string // of the account below the destination's directory: "<job>/<account>"
	Retention       int    // slots, 1 to 999; 1 uses a spare one
	Mode            manifest.Mode
	Fill            Fill
	AllowMassChange bool
	DryRun          bool
	Lanes           int   // files on their way at once; default 64
	BytesPerSecond  int64 // 0: no limit
	Host, Tool      string
	Now             func() time.Time
	Log             *slog.Logger
	Progress        Progress // may be nil
}

// Progress hears how a run gets on, from several goroutines.
type Progress interface {
	Scanned(files, bytes int64)
	Planned(files, bytes int64) // to be sent or copied
	Sent(files, bytes int64)
}

// Summary is what a run did.
type Summary struct {
	Slot                                    int
	Gen                                     uint64
	Resumed                                 bool
	Files, Bytes                            int64 // in the backup
	Uploaded, UploadedBytes, Copied, Linked int64
	Deleted, Changed, Frozen                int64
	Durability                              string
	Took                                    time.Duration
}

// Run backs up src into the slot that is due. It resumes what an earlier run left.
func Run(ctx context.Context, store Store, src *source.Tree, o Options) (Summary, error) {
	panic("unwritten")
}

// Slot is one slot as List sees it.
type Slot struct {
	Path  string
	State manifest.State
	Err   error // the state cannot be read
}

// List tells the slots of an account, newest first.
func List(ctx context.Context, store dest.Reader, folder string) ([]Slot, error) { panic("unwritten") }

// Pin sets or clears the pin of a slot.
func Pin(ctx context.Context, store Store, folder string, slot int, pinned bool) error {
	panic("unwritten")
}

// VerifyOptions say how much is read.
type VerifyOptions struct {
	Sample float64 // share of files whose content is read, 0 to 1
	Repair bool    // mark the slot damaged if it differs, verified if not
}

// Difference is one thing that is not as the manifest says.
type Difference struct{ Path, What string }

// Verify compares a slot with its manifest.
func Verify(ctx context.Context, store Store, folder string, slot int, o VerifyOptions) ([]Difference, error) {
	panic("unwritten")
}
