// Package slot writes backups into rotating slots on a destination, so that at every instant at least N-1 of N are
// complete, an interrupted one is resumed and never taken for a backup, and nothing stands half-written under its
// name. It knows the destination contract, not SFTP. The format is in package manifest.
package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/verify"
)

var (
	// ErrBusy says that another run holds the account.
	ErrBusy = lease.ErrBusy
	// ErrMassChange says that so much of the source is gone that it looks like an accident.
	ErrMassChange = plan.ErrMassChange
	// ErrForeign says that the slots are those of another machine.
	ErrForeign = errors.New("the slots were written by another machine")
	// ErrFull says that the server has no room.
	ErrFull = store.ErrFull
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

// Options of a run over one account.
type Options struct {
	Job, Account    string
	Directory       string   // of the account below the destination's directory: "<job>/<account>"
	Policy          Policy   // how many slots there are, and which one is due
	Siblings        []string // directories of the same account in other jobs, from whose slots files may be copied
	Mode            manifest.Mode
	Fill            Fill
	AllowMassChange bool
	DryRun          bool
	Lanes           int           // files on their way at once; default 2048
	Budget          *store.Budget // of all runs that go on at the same time; nil: one of its own, without a limit of bandwidth
	Host, Tool      string
	Machine         string // id of this machine; empty: whose slots they are is not looked at
	Adopt           bool   // take over the slots of another machine
	// Keep reports whether whoever indexes an archive wants the content of a small file; may be nil.
	Keep     func(path string, size int64) bool
	Now      func() time.Time
	Log      *slog.Logger
	Progress Progress // may be nil
	// Traits finds out what the server does to names, where no slot tells it. Nil: it is taken to do nothing.
	Traits func(ctx context.Context) (manifest.Traits, error)
	// LeaseTTL is how long a run is taken to be alive that is not heard of; 0: 10 minutes.
	LeaseTTL time.Duration

	tune tuning
}

// tuning is what tests make smaller.
type tuning struct {
	segment int                               // entries of a journal segment
	age     time.Duration                     // of its first entry when it is written
	small   int64                             // bytes of a file that is read at once
	wide    int64                             // bytes from which a file is written by several handles
	mark    int64                             // bytes between two marks inside a large file
	member  int                               // bytes of an archive that go into a gzip member
	dead    func(h *lease.Holder) bool        // whether who left a lease is known to be dead
	beat    func() (<-chan time.Time, func()) // when the lease is refreshed
}

func (o Options) withDefaults() (Options, error) {
	if _, err := o.Policy.Check(); err != nil {
		return o, err
	}
	if o.Mode != manifest.Incremental && o.Mode != manifest.Compressed {
		return o, fmt.Errorf("mode %q: %w", o.Mode, fs.ErrInvalid)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lanes <= 0 {
		o.Lanes = 2048
	}
	if o.Budget == nil {
		o.Budget = store.NewBudget(0)
	}
	if o.Fill == "" {
		o.Fill = FillAuto
	}
	if o.LeaseTTL == 0 {
		o.LeaseTTL = 10 * time.Minute
	}
	if o.Progress == nil {
		o.Progress = progress.Silent{}
	}
	o.tune = o.tune.withDefaults(o.LeaseTTL)
	return o, nil
}

func (t tuning) withDefaults(ttl time.Duration) tuning {
	if t.segment == 0 {
		t.segment = 1000
	}
	if t.age == 0 {
		t.age = 30 * time.Second
	}
	if t.small == 0 {
		t.small = 512 << 10
	}
	if t.wide == 0 {
		t.wide = 32 << 20
	}
	if t.mark == 0 {
		t.mark = 128 << 20
	}
	if t.member == 0 {
		t.member = 2 << 20
	}
	if t.dead == nil {
		t.dead = (*lease.Holder).Dead
	}
	if t.beat == nil {
		t.beat = func() (<-chan time.Time, func()) {
			ticker := time.NewTicker(ttl / 8)
			return ticker.C, ticker.Stop
		}
	}
	return t
}

// leases are the options of leases.
func (o *Options) leases() *lease.Options {
	return &lease.Options{Host: o.Host, TTL: o.LeaseTTL, Now: o.Now, Log: o.Log, Dead: o.tune.dead, Beat: o.tune.beat}
}

// Progress hears how a run gets on, from several goroutines.
type Progress = progress.Listener

// Left is a path that a backup does not have as it is in the source, and the server's answer.
type Left = place.Left

// Summary is what a run did.
type Summary struct {
	Slot                                    int
	Gen                                     uint64
	Reason                                  string // why this slot
	Resumed                                 bool
	Files, Bytes                            int64 // in the backup
	Uploaded, UploadedBytes, Copied, Linked int64
	Deleted, Changed, Frozen                int64
	Compared                                int64  // in a dry run: to be read, and sent if their content differs
	Missing                                 int64  // entries that the server takes under no name
	Left                                    []Left // the first hundred of those that it refused
	Durability                              string
	Took                                    time.Duration
}

// Slot is one slot as List sees it.
type Slot = state.Slot

// List tells the slots of an account, newest first. A slot is complete only if its State.Phase is Complete and Err is nil.
func List(ctx context.Context, d dest.Reader, directory string) ([]Slot, error) {
	return state.List(ctx, d, directory)
}

// VerifyOptions say how much is read.
type VerifyOptions struct {
	Sample float64 // share of files whose content is read, 0 to 1
	Repair bool    // mark the slot damaged if it differs, verified if not
	// Machine is as in Options. Foreign hears that the slots are those of another machine, so that nothing is noted in them.
	Machine string
	Foreign func(error)
}

// Difference is one thing that is not as the manifest says.
type Difference = verify.Difference

// Store is the destination of a slot writer. What it offers beyond (dest.FileWriter, dest.Copier, dest.Linker, dest.Symlinker,
// dest.DirSyncer, dest.StatFS) is used where it is there: a method that the server behind it does not support is found out by its
// answer.
type Store = dest.ReadWriter

// Budget is what runs share that go on side by side: the bandwidth, and the memory for content.
type Budget = store.Budget

// NewBudget lets so many bytes be sent in a second, any number if it is 0.
func NewBudget(bytesPerSecond int64) *Budget { return store.NewBudget(bytesPerSecond) }

// FindTraits tries what the server does to names.
func FindTraits(ctx context.Context, d Store) (manifest.Traits, error) {
	return store.FindTraits(ctx, d)
}

// TraitsOnce is FindTraits for several runs at once: the first one that asks tries, and the others hear of it.
func TraitsOnce(d Store) func(ctx context.Context) (manifest.Traits, error) {
	return store.TraitsOnce(d)
}
