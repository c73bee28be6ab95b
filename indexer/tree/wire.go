package tree

import (
	"encoding/binary"
	"errors"

	"slotfs/indexer/backup"
)

// ErrDamaged says that a node is not what a Builder or Write writes, or that nodes contradict each
// other.
var ErrDamaged = errors.New("damaged node")

// What the first two bytes of a node say: the version of the format and the kind of node.
const (
	version    = 1
	kindPage   = 'p'
	kindIndex  = 'i'
	kindBucket = 'n'
)

// wire takes values off the front of rest. After the first one that is wrong, bad stays set and
// everything else reads as zero.
type wire struct {
	rest []byte
	bad  bool
}

// openNode checks the head of a node and returns what follows it.
func openNode(data []byte, kind byte) (wire, bool) {
	if len(data) < 2 || data[0] != version || data[1] != kind {
		return wire{}, false
	}
	return wire{rest: data[2:]}, true
}

func (w *wire) fail() {
	w.bad, w.rest = true, nil
}

func (w *wire) uvarint() uint64 {
	if len(w.rest) > 0 && w.rest[0] < 0x80 {
		v := w.rest[0]
		w.rest = w.rest[1:]
		return uint64(v)
	}
	return w.longUvarint()
}

// longUvarint refuses encodings that are longer than they need to be, so that equal nodes have
// equal bytes.
func (w *wire) longUvarint() uint64 {
	v, n := binary.Uvarint(w.rest)
	if n <= 0 || w.rest[n-1] == 0 && n > 1 {
		w.fail()
		return 0
	}
	w.rest = w.rest[n:]
	return v
}

// bounded is uvarint for a value that must not exceed limit.
func (w *wire) bounded(limit uint64) uint64 {
	v := w.uvarint()
	if v > limit {
		w.fail()
		return 0
	}
	return v
}

func (w *wire) signed() int64 { return unzigzag(w.uvarint()) }

func (w *wire) byte() byte {
	if len(w.rest) == 0 {
		w.fail()
		return 0
	}
	b := w.rest[0]
	w.rest = w.rest[1:]
	return b
}

func (w *wire) take(n uint64) []byte {
	if n > uint64(len(w.rest)) {
		w.fail()
		return nil
	}
	b := w.rest[:n]
	w.rest = w.rest[n:]
	return b
}

func (w *wire) string() string { return string(w.take(w.uvarint())) }

func (w *wire) hash() (h backup.Hash) {
	copy(h[:], w.take(uint64(len(h))))
	return h
}

// distance is the reverse of appendDistance.
func (w *wire) distance() int64 {
	v := w.uvarint()
	if v&1 == 1 {
		d := unzigzag(v >> 1)
		if d%block == 0 {
			w.fail()
			return 0
		}
		return d
	}
	d := unzigzag(v >> 1)
	if d > 16*maxPosition/block || d < -16*maxPosition/block {
		w.fail()
		return 0
	}
	return d * block
}

// end reports whether everything was read and nothing was wrong.
func (w *wire) end() bool { return !w.bad && len(w.rest) == 0 }

func zigzag(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func appendString(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

// appendDistance encodes a difference of positions: whole blocks as an even number, the rest as an
// odd one.
func appendDistance(out []byte, d int64) []byte {
	if d%block == 0 {
		return binary.AppendUvarint(out, zigzag(d/block)<<1)
	}
	return binary.AppendUvarint(out, zigzag(d)<<1|1)
}
