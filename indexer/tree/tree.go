// Package tree is the Merkle tree of directories: it encodes nodes, builds them from members in any
// order, and walks them by name and by number. It does not know where nodes are kept.
//
// # Nodes
//
// A node is named by the first 20 bytes of its SHA-256. Readers rely on the store to check that. A
// node starts with the version of the format (1) and its kind ('p', 'i' or 'n'). Numbers are
// unsigned LEB128 varints (uvarint) of the shortest form; signed ones are zigzag first. A string is
// its length and its bytes. A distance is a signed difference of positions in the archive: whole
// blocks of 512 bytes as zigzag(blocks)*2, anything else as zigzag(bytes)*2+1. Equal directories
// have equal bytes, and what decodes encodes to the same bytes again.
//
// A directory without entries has no node. One that fits a page is that page; a larger one is an
// index of pages. Whoever refers to a directory (its entry in the parent, or the catalog for the
// root) knows the node's hash, the number of entries anywhere below, and where the directory starts
// in the archive.
//
// # Pages
//
// A page holds entries in listing order, as columns, because columns of like values compress well:
//
//	entries     uvarint, 1 to 1024
//	flags       1 byte; 1: there is a column of offsets. Without it all offsets are 0
//	names       the length of each (uvarint), then all names
//	kinds       number of kinds (uvarint); of each mode, uid, gid and a sum of what its entries
//	            have (uvarints), in the order in which they first occur: 1 nanoseconds, 2 link
//	            count other than 1, 4 hard link, 8 symbolic link, 16 device, 32 attributes,
//	            64 sparse extents, 128 no node (an empty directory), 256 unsettled (only in trees that
//	            a Builder has not finished: hard links below, or a directory without buckets), 512 extended attributes
//	            below, 1024 another name on the destination, 2048 checksums of the content, 4096 a modification
//	            time whose nanoseconds do not fit into 64 bits; then
//	            the kind of each entry (uvarint)
//	sizes       uvarint, of all but directories
//	seconds     of the modification time: signed difference to the entry before
//	nanoseconds uvarint, of entries whose time is not on a whole second
//	checksums   of files that have some: SHA-256 (32 bytes) of the content. Of a file so long that it has
//	            checksums of blocks (package backup), before it 1, and behind it CRC-32C sums, or 0 if they are not known
//	nodes       20 bytes, of directories that are not empty
//	counts      of directories: entries below (uvarint, not if empty), link count (uvarint)
//	extras      of each entry in turn what its kind says it has: link count (others have 1),
//	            hard link (string), symbolic link (string), device (uvarint), extended attributes
//	            (number, then name and value of each), sparse extents (number, then of each the
//	            gap before it and its length), the name on the destination (string), the seconds of the modification
//	            time, signed (the column of seconds has the nearest ones that fit)
//	offsets     of each the distance from where it is expected
//
// Offsets count from where the page begins, which is where the directory begins unless an index
// says otherwise. An entry is expected where the next header is, at first 0: there if it is a
// directory or a hard link, else one block further. The header after a directory is one block
// behind its offset; after a hard link, whose offset is that of its file, one block behind where it
// was expected; after anything else behind the content, in whole blocks (of a sparse file the sum
// of its extents; only regular files have content). So most distances are 0, and a subtree has the
// same bytes wherever in an archive it stands.
//
// # Index and buckets
//
// A page ends after an entry whose name's hash (first 8 bytes of SHA-256, little endian) has 8
// lower bits of 0, if it has 64 entries by then; in any case before it has more than 1024 entries
// or about 64 KiB. One name more or less therefore changes one page, seldom its neighbour. The
// index lists pages:
//
//	flags       1 byte; 1: there is a column of starts
//	pages       uvarint, 2 or more; of each its hash, entries, entries below its directories and
//	            directories that count as links (uvarints)
//	starts      of each page, counted from the start of the directory: distance from the start of
//	            the page before it
//	buckets     bits (1 byte), then 2^bits hashes of buckets, zero for an empty one
//
// A name's bucket is the number in the upper bits of its hash; there are so many that they hold
// 1024 names on average at most. A bucket is the number of its names (uvarint), then sorted the
// next 16 bits of their hashes (uvarint difference to the one before), then the number of each
// name's page (uvarint). A look-up reads index, bucket and page.
//
// One level is enough: an index takes about 28 bytes for each 300 entries, so that of 5 million is
// half a megabyte, a four-hundredth of what its pages are.
package tree

import (
	"context"
	"crypto/sha256"
	"fmt"

	"slotfs/indexer/backup"
)

// Getter returns the encoding of a node or blob. A missing or damaged one is an error that is never
// fs.ErrNotExist: the store promised to have it.
type Getter interface {
	Get(ctx context.Context, h backup.Hash) ([]byte, error)
}

// Putter stores an encoding under its Sum. Storing what is there already is cheap.
type Putter interface {
	Put(ctx context.Context, h backup.Hash, data []byte) error
}

// Store is what a Builder needs.
type Store interface {
	Getter
	Putter
}

// Sum names data.
func Sum(data []byte) (h backup.Hash) {
	full := sha256.Sum256(data)
	copy(h[:], full[:])
	return h
}

// Dir is a written directory: what its parent's entry needs to know.
type Dir struct {
	Child backup.Hash
	Count uint64 // entries anywhere below
	Dirs  uint32 // child directories
	// Attributed says that entries anywhere below have extended attributes.
	Attributed bool
}

// Check tells why Write would refuse e: its name, position, sparse extents, or a node without entries.
func Check(e *backup.Entry) error {
	_, err := newRecord(e)
	if err == nil {
		err = checkName(e.Name)
	}
	return err
}

// Write stores one directory whose entries are complete (Child, Count, Attributed and Nlink of child directories filled in,
// Offset relative to the directory) and in listing order, with no name twice.
func Write(ctx context.Context, store Putter, entries []backup.Entry) (Dir, error) {
	recs := make([]record, len(entries))
	seen := newNameTable()
	for i := range entries {
		r, err := newRecord(&entries[i])
		if err == nil {
			err = checkName(r.name)
		}
		if err != nil {
			return Dir{}, fmt.Errorf("write node: entry %q: %w", entries[i].Name, err)
		}
		if seen.find(recs[:i], r.name) >= 0 {
			return Dir{}, fmt.Errorf("write node: entry %q twice", r.name)
		}
		recs[i] = r
		seen.add(recs[:i+1])
	}
	w, err := writeDir(ctx, store, recs, 0)
	return w.Dir, err
}
