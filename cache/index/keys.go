package index

import (
	"encoding/binary"

	"slotfs/indexer/backup"
)

// The first byte of a key says what it leads to:
//
//	'b' serial (8), offset in the uncompressed archive (8)           where the tables lie of the SQL dump that begins there
//	'c' length of destination (uvarint), destination, key of source   snapshot
//	'd' serial (8)                                                   serial whose points are to be purged
//	'n' hash (20)                                                    node or blob
//	'p' serial (8), offset in the uncompressed archive (8)           seek point
//	'h' serial (8), piece of the backup (8)                          checksums of that piece and of those behind it
//	's'                                                              first serial that was never leased
//	't'                                                              number of snapshots and unfinished passes (8 each)
//	'u' as 'c'                                                       unfinished pass over a source
//	'v'                                                              version of the format
//
// Numbers are big endian, so that the points of a serial stand in order.
const (
	tablesSpace     = 'b'
	snapshotSpace   = 'c'
	doomedSpace     = 'd'
	nodeSpace       = 'n'
	pointSpace      = 'p'
	sumSpace        = 'h'
	serialSpace     = 's'
	countsSpace     = 't'
	unfinishedSpace = 'u'
	versionSpace    = 'v'
)

// formatVersion is what an index must have been written with to be read here. It changes when keys or values change in
// a way that a reader of the earlier ones cannot know; a further field at the end of a record's struct is none.
const formatVersion = "2"

// firstFormat is the version of indexes whose records say nothing of their fields. They are read as they are.
const firstFormat = "1.67192e62"

func versionKey() []byte { return []byte{versionSpace} }

func serialKey() []byte { return []byte{serialSpace} }

func countsKey() []byte { return []byte{countsSpace} }

func nodeKey(h backup.Hash) []byte { return append([]byte{nodeSpace}, h[:]...) }

// nodeOf is the reverse of nodeKey.
func nodeOf(key []byte) (h backup.Hash, ok bool) {
	if len(key) != 1+len(h) {
		return h, false
	}
	copy(h[:], key[1:])
	return h, true
}

func snapshotKey(s source) []byte { return sourceKey(snapshotSpace, s) }

func unfinishedKey(s source) []byte { return sourceKey(unfinishedSpace, s) }

func sourceKey(space byte, s source) []byte {
	key := binary.AppendUvarint([]byte{space}, uint64(len(s.destination)))
	return append(append(key, s.destination...), s.key...)
}

// sourceOf is the reverse of snapshotKey and unfinishedKey.
func sourceOf(key []byte) (source, bool) {
	if len(key) == 0 {
		return source{}, false
	}
	length, n := binary.Uvarint(key[1:])
	rest := key[1:]
	if n <= 0 || length > uint64(len(rest)-n) {
		return source{}, false
	}
	rest = rest[n:]
	return source{destination: string(rest[:length]), key: string(rest[length:])}, true
}

func doomedKey(serial uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{doomedSpace}, serial)
}

// serialOf is the serial in the key of a point or of a doomed serial.
func serialOf(key []byte) (uint64, bool) {
	if len(key) < 9 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
}

// pointsKey begins the keys of all points of a serial.
func pointsKey(serial uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{pointSpace}, serial)
}

// sumsKey begins the keys of all checksums of a serial.
func sumsKey(serial uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{sumSpace}, serial)
}

// tablesOfKey begins the keys of the dumps of a serial.
func tablesOfKey(serial uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{tablesSpace}, serial)
}

func tablesKey(serial uint64, offset int64) []byte {
	return binary.BigEndian.AppendUint64(tablesOfKey(serial), uint64(offset))
}

func sumKey(serial, piece uint64) []byte {
	return binary.BigEndian.AppendUint64(sumsKey(serial), piece)
}

func pointKey(serial uint64, out int64) []byte {
	return binary.BigEndian.AppendUint64(pointsKey(serial), uint64(out))
}
