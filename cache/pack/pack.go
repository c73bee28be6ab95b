// Package pack carries parts of an index to another one as immutable files: what one machine read, others need not read again. It knows
// snapshots, their nodes and what is attached to them, and not how they came about.
//
// A pack has snapshots of one destination, whole, and is named by the SHA-256 of its bytes: HEX.pack. It is
//
//	"slotfs pack 1\n", the version of the index's records and "\n"
//	one zstd frame of records: kind (1 byte), length of the data (uvarint), data
//
// with these records, for each snapshot:
//
//	's'            the snapshot as package index encodes it, with the serial 0; begins it
//	'n'            a node or blob that no earlier record has; its hash is its name
//	'p' 'h' 'b'    a key (8 bytes, big-endian) and a seek point, checksums, or tables of a dump
//	'.'            ends the snapshot; no data
//
// and 'e' at the end of all: the number of snapshots (uvarint). Two exports of one state have the same bytes.
//
// Packs come from other machines and are parsed like archives: with bounds for every length and for what they unpack to, and no
// snapshot is put before all of its nodes are there, are what their hashes say, and can be decoded.
package pack

import (
	"context"
	"errors"

	"slotfs/cache/index"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

var (
	// ErrFormat says that a file is no pack, or one of another version.
	ErrFormat = errors.New("not a pack of this version")
	// ErrDamaged says that a pack is not what was written.
	ErrDamaged = errors.New("damaged pack")
)

// Suffix ends the names of packs.
const Suffix = ".pack"

const magic = "slotfs pack 1\n" + index.Format + "\n"

// The kinds of records that are no attachments.
const (
	kindSnapshot = 's'
	kindNode     = 'n'
	kindWhole    = '.'
	kindEnd      = 'e'
)

// Bounds of what is read.
const (
	maxRecord  = 64 << 20 // bytes of one record's data
	maxWindow  = 64 << 20 // bytes that the decoder keeps
	maxRatio   = 2000     // unpacked bytes for each packed one, beyond freeBytes
	freeBytes  = 64 << 20
	maxDepth   = 4096 // directories and pages below one another
	maxElement = 255  // bytes of a name
)

// Source is an index that is exported.
type Source interface {
	tree.Getter
	Attached(ctx context.Context, serial uint64, yield func(kind index.Attachment, at uint64, data []byte) error) error
}

// Target is an index that is imported into.
type Target interface {
	tree.Store
	Snapshots
	Serials
}

// Snapshots has the records of an index.
type Snapshots interface {
	Snapshot(ctx context.Context, destination, key string) (*backup.Snapshot, error)
	PutSnapshot(ctx context.Context, s *backup.Snapshot) error
}

// Serials names snapshots in an index.
type Serials interface {
	NextSerial() (uint64, error)
	ReleaseSerial(serial uint64)
	Attach(ctx context.Context, serial uint64, kind index.Attachment, at uint64, data []byte) error
}

var (
	_ Source = (*index.Index)(nil)
	_ Target = (*index.Index)(nil)
)

// mark stands for a node that was seen: as much of its hash as cannot be equal by chance or on purpose.
type mark [12]byte

func markOf(h backup.Hash) mark { return mark(h[:len(mark{})]) }
