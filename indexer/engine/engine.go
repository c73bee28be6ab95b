// Package engine is the contract of a backup layout: it recognises backups in directory listings and says
// what parts an account's tree has. It knows no protocol, no index and no mount.
package engine

import (
	"context"
	"errors"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/tree"
)

// Engine knows one layout. Its methods are pure: they wait for nothing but the tree and the content that
// they are handed, and may be called side by side.
type Engine interface {
	// Detect is asked about every directory of a walk, with its whole listing.
	Detect(dir Dir) Detected
	// Wants tells what Describe will ask for of the content of the file at path (in the tree, with its top
	// directory), given its size in bytes. It is kept while an archive streams by.
	Wants(path string, size int64) backup.Excerpt
	// Describe names the account and cuts its tree into parts. It must be right for any tree at all,
	// also one that a customer made to confuse it.
	Describe(ctx context.Context, s *backup.Source, t *tree.Tree, read ReadFunc) (Description, error)
}

// SelfDescriber is an engine whose backups say themselves what they are, which listings do not tell.
type SelfDescriber interface {
	// DescribeSelf reads what the backup at s says of itself, and fills in Name, Time, Mark and Order of s. Record.List uses d
	// too. Errors are those of d; damage is no error but a Status.
	DescribeSelf(ctx context.Context, d dest.Reader, s *backup.Source) (SelfDescription, error)
}

// ErrDamaged says that what a backup says of itself is damaged.
var ErrDamaged = errors.New("damaged")

// SelfDescription is what a backup says of itself.
type SelfDescription struct {
	Status backup.Status // Complete, or what is wrong
	Detail string
	// Machine is the id of the machine that wrote the backup; empty: not known.
	Machine string
	// List hands all entries of the backup's tree to add, a directory before what is below it and the first name of a
	// file before its other ones, and tells what people should know of them. The error is add's, the destination's, or
	// ErrDamaged. Nil where nothing is listed.
	List func(ctx context.Context, add func(path string, e *backup.Entry) error) (Remarks, error)
	// Names are those of the owners of what List has handed out; nil where they are not known.
	Names *backup.NameCollector
	// Walked says that the tree is what listings show; List then tells only attributes that they do not show.
	Walked bool
	// Archive tells of an archive what reading it would; List then gives the offsets of its entries. Nil where the
	// archive has to be read.
	Archive *Archive
}

// Remarks are what people should know of the entries of a list.
type Remarks struct {
	Detail string       // of the backup as a whole
	Notes  backup.Notes // of single entries
}

// Archive is what is known of an archive before any of it is read.
type Archive struct {
	Content int64 // bytes of it, uncompressed
	// Points hands out all seek points. What is wrong with them is ErrDamaged before the first one is handed out.
	Points func(ctx context.Context, add func(p *gzseek.Point) error) error
	// Read returns the content of a small file that the engine wants, fs.ErrNotExist if it is not at hand.
	Read func(ctx context.Context, path string) ([]byte, error)
}

// ReadFunc returns what the engine wanted of the content of a file. A file that is not there, or is
// not whole, is fs.ErrNotExist. One that was to be unpacked and does not unpack to its end is ErrDamaged.
type ReadFunc func(path string) ([]byte, error)

// Dir is one directory of a walk.
type Dir struct {
	Path     string      // from the destination's directory; "" is that directory
	Info     dest.Info   // of the directory itself; zero for ""
	Entries  []dest.Info // its listing, in byte order of the names
	Siblings []dest.Info // the listing of the directory that it lies in; nil for ""
}

// Detected is what Look recognised.
type Detected struct {
	Sources []backup.Source // fingerprints filled in
	Descend []string        // names of child directories to look into
	Warning string          // what a person should know of this directory, or empty
}

// Description is what an engine knows of one snapshot after its tree is there.
type Description struct {
	Account string // canonical name, or empty where the tree does not tell
	// Nameless says that the name of a loose backup does not tell whose it is.
	Nameless bool
	Owner    *backup.Owner // nil where the tree does not tell
	Parts    backup.Parts
	Counts   backup.Counts
	Status   backup.Status // backup.Incomplete where essential members are missing, else empty
	Detail   string
	Concerns []backup.Concern // what looks wrong in this backup alone
}
