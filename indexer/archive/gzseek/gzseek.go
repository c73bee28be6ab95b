// Package gzseek makes gzip streams seekable: one sequential pass records points from which any later part
// can be decoded, and checks everything it passes. It knows gzip and deflate (RFC 1952, RFC 1951), not tar,
// and reads from whatever it is handed.
//
// # Formats
//
// Numbers are unsigned varints, sums 4 bytes, little-endian. A Point is
//
//	byte    version, 1
//	byte    flags: 1 the point is at a member's header
//	number  Bit
//	number  Out
//	number  Length
//	number  End - Bit/8
//	sums    one for each BlockSize bytes of Length
//	bytes   the window, up to the checksum
//	sum     CRC-32C of all that
//
// A window is empty if nothing of it is needed; otherwise it is this in deflate form, where the ranges that are
// left out are zero bytes and the last byte of the window is the one before the point:
//
//	number  length of the window, at most 32 KiB
//	number  of ranges
//	ranges  two numbers each: bytes left out since the last range, bytes in the range
//	bytes   of all ranges
//
// The state of a Scanner begins with its version, ends with a CRC-32C and is only read by what wrote it.
package gzseek

import (
	"errors"
	"fmt"
)

// The faults of a stream. Errors of this package wrap one of them, io.ErrUnexpectedEOF (the stream ends early)
// or an error of the reader.
var (
	// ErrFormat says that the stream does not begin as gzip does.
	ErrFormat = errors.New("not a gzip file")
	// ErrCorrupt says that the compressed data or a checksum is wrong.
	ErrCorrupt = errors.New("corrupt gzip data")
	// ErrChecksum is ErrCorrupt where a member decodes to its end, but to other bytes than it was made of.
	ErrChecksum = fmt.Errorf("wrong checksum or length of a member: %w", ErrCorrupt)
)

// The faults of stored points and states.
var (
	errDamaged = errors.New("damaged")
	errVersion = errors.New("unknown version")
)

// BlockSize is how many bytes of output one checksum of a Point covers.
const BlockSize = 128 << 10

// Point is a place in the stream to go on from, and the checksums of what follows up to the next one.
type Point struct {
	Bit    int64    // offset of a deflate block (or of a member's header) in the compressed stream, in bits
	Out    int64    // offset in the uncompressed stream, in bytes
	Header bool     // Bit is the first bit of a gzip header: no window is needed
	Window Window   // history that the data after the point refers to
	Length int64    // output bytes up to the next point
	Sums   []uint32 // CRC-32C of each BlockSize bytes of that output, the last one shorter
	End    int64    // compressed bytes that must be read to decode the span: offset just after its last byte
}

// Window is the 32 KiB before a point, with bytes that nothing refers to left out, compressed.
type Window struct{ packed []byte }
