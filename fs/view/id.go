package view

import (
	"crypto/sha256"
	"encoding/binary"
)

// Node ids. The root is 1. Below a snapshot's directory an id is
//
//	0 | serial+1 (25 bits) | view (5 bits) | number (33 bits)
//
// and above it
//
//	1 | first 63 bits of the SHA-256 of the path
//
// The same directory of a snapshot's tree is shown in full/ and in a part, and the kernel refuses one
// directory at two places: hence the view, which says by which of the snapshot's top directories one came.
// Number is that of the entry in the tree, and in viewMade one given when the snapshot is cut into parts.
const (
	// RootID is the id of the mountpoint itself.
	RootID = 1

	numberBits = 33
	viewBits   = 5
	serialBits = 63 - numberBits - viewBits

	maxSerial = 1<<serialBits - 2
	maxNumber = 1<<numberBits - 1
	topBit    = 1 << 63
	// The protocol library keeps this id for itself.
	takenID = ^uint64(0)
)

// Views.
const (
	viewMade  = 0 // what is in no tree: directories and files made for the parts, archive/
	viewFull  = 1
	firstKind = 2 // one for each kind of part, in display order; what follows is for grafts that overlap
	viewEnd   = 1 << viewBits
)

// Numbers in viewMade.
const (
	numberDirectory = 0 // the snapshot's directory
	numberJSON      = 1 // snapshot.json
	numberArchive   = 2 // archive/
	numberPiece     = 1 << 8
	numberMade      = 1 << 32 // directories and generated files of the parts
	maxPieces       = 1 << 24
)

// nodeID makes the id of something in a snapshot. serial and number are in range.
func nodeID(serial uint64, view int, number uint64) uint64 {
	return (serial+1)<<(viewBits+numberBits) | uint64(view)<<numberBits | number
}

// split is the reverse of nodeID. An id that nodeID never gives has a serial that no snapshot has.
func split(id uint64) (serial uint64, view int, number uint64) {
	return id>>(viewBits+numberBits) - 1, int(id >> numberBits & (viewEnd - 1)), id & maxNumber
}

// Position tells where what has an id stands in the order of its snapshot's archive. made says that it was made for the parts, or stands
// above the snapshots: then what is in it may be anywhere in an archive.
func Position(id uint64) (number uint64, made bool) {
	_, view, number := split(id)
	if isTop(id) || view == viewMade {
		return 0, true
	}
	return number, false
}

// isTop reports whether id is one of something above the snapshots' directories.
func isTop(id uint64) bool { return id&topBit != 0 || id == RootID }

// topID makes the id of what is shown at path; what tells apart things that come to be shown at one path.
func topID(path, what string) uint64 {
	sum := sha256.Sum256([]byte(path + "\x00" + what))
	return binary.BigEndian.Uint64(sum[:]) | topBit
}

// generation tells apart two trees, or two owners, under one serial: the kernel drops what it knows of a node when its
// generation changes. It keeps 32 bits of it, as a signed number.
func generation(r *shownSnapshot) uint64 {
	what := append(append([]byte(nil), r.Root.Child[:]...), r.Parts[:]...)
	what = binary.BigEndian.AppendUint32(what, r.local.UID)
	what = binary.BigEndian.AppendUint32(what, r.local.GID)
	sum := sha256.Sum256(what)
	return uint64(binary.BigEndian.Uint32(sum[:]) >> 1)
}
