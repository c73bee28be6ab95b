// Package fs is the mount: it answers the kernel's requests from a view, keeps the kernel's caches right when
// the catalog changes, and looks after the mountpoint. It must not know that there is a network; bytes come from a
// Content, which is handed in.
//
// Nodes are stateless: an id says all there is to know (see package view), so forgetting costs nothing and memory does not
// grow with what the kernel caches. Content is immutable, so the kernel may keep names, attributes, listings and
// pages for as long as it likes; Refresh tells it what changed.
package fs

import (
	"context"
	"log/slog"
	"time"

	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// Catalog lists the snapshots to show.
type Catalog interface {
	// Snapshots returns the records of a destination, or of all for "".
	Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error)
}

// Content opens files of the snapshots of one destination. Opening does not wait for the network.
type Content interface {
	// Open opens the regular file it of snapshot s, whose tree is t.
	Open(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it tree.Item) (File, error)
	// OpenOriginal opens the n-th remote file of a snapshot as it lies there.
	OpenOriginal(ctx context.Context, s *backup.Snapshot, n int) (File, error)
	// Deadline is how long a read may take.
	Deadline() time.Duration
}

// File is an open file. Its methods may be called side by side.
type File interface {
	// ReadAt reads len(p) bytes at off; fewer only with an error, io.EOF at the end. When ctx ends it
	// returns soon, and does not touch p after that. backup.ErrStale and fs.ErrNotExist say that the
	// remote file is not the one that was indexed.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	Close() error
}

// Blocks is a File that has what is read in memory, in pieces that never change: they go to the kernel as they are.
type Blocks interface {
	// ReadBlocks is ReadAt for n bytes.
	ReadBlocks(ctx context.Context, n int, off int64) ([][]byte, error)
}

// LateProof is a File that may find out at its end only that it is not what was backed up.
type LateProof interface {
	// ProvenAtEnd reports whether that is so for this file.
	ProvenAtEnd() bool
}

// Config says what to mount.
type Config struct {
	Destinations func() []string // names; also those without snapshots are shown. May be nil
	Catalog      Catalog
	Nodes        tree.Getter
	Cache        int64 // bytes of decoded nodes kept; 0: 32 MiB
	// Content reads the snapshots of a destination; nil from it says that the destination is gone.
	Content func(destination string) Content
	// Owner finds the local user that a snapshot belongs to. Nil: root owns all.
	Owner      func(s *backup.Snapshot) view.Local
	Accounts   func() *view.Accounts // of this machine; see view.Options
	AllowOther bool
	Source     string       // what df, mount and /proc tell as the source; "": "slotfs"
	Log        *slog.Logger // nil: silent
	// Status tells what status.json says of the last pass over a destination. May be nil.
	Status func(destination string) any
	// ReadAhead is how far the kernel reads ahead of a sequential reader, in KiB; 0: 4096.
	ReadAhead int
	// Options are further mount options for the kernel ("noexec", "noatime").
	Options []string
	Now     func() time.Time // nil: time.Now
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Source == "" {
		c.Source = fsName
	}
	if c.ReadAhead <= 0 {
		c.ReadAhead = 4096
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Destinations == nil {
		c.Destinations = func() []string { return nil }
	}
	return c
}
