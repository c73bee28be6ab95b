// Package gzseek makes gzip streams seekable: one sequential pass records points from which any later part
// can be decoded, and checks everything it passes. It knows gzip and deflate (RFC 1952, RFC 1951), not tar,
// and reads from whatever it is handed.
package gzseek

import (
	"context"
	"errors"
	"io"
)

// The faults of a stream. Errors of this package wrap one of them, io.ErrUnexpectedEOF (the stream ends early)
// or an error of the reader.
var (
	// ErrFormat says that the stream does not begin as gzip does.
	ErrFormat = errors.New("not a gzip file")
	// ErrCorrupt says that the compressed data or a checksum is wrong.
	ErrCorrupt = errors.New("corrupt gzip data")
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

// MarshalBinary encodes p for the index.
func (p *Point) MarshalBinary() ([]byte, error) { panic("unwritten") }

// UnmarshalBinary is the reverse of MarshalBinary; it refuses damaged input with an error.
func (p *Point) UnmarshalBinary(data []byte) error { panic("unwritten") }

// Decode decodes the span of p from src, whose first byte is the stream's byte p.Bit/8, and hands
// each checked block of at most BlockSize bytes to emit, with its offset in the uncompressed stream. It stops
// without an error when emit returns false. Damage is ErrCorrupt; no unchecked byte is emitted. The slice
// is valid during the call only.
func (p *Point) Decode(ctx context.Context, src io.Reader, emit func(off int64, block []byte) bool) error {
	panic("unwritten")
}

// Sink receives what a Scanner finds.
type Sink interface {
	// Write gets the uncompressed stream in order. Its error ends the pass.
	io.Writer
	// Point gets each point when its span is finished, in order. Its error ends the pass.
	Point(p *Point) error
}

// Scanner makes one sequential pass over a gzip stream of one or more members.
type Scanner struct {
	// Spacing is the greatest distance of points in bytes of output (default 4 MiB); InputSpacing in bytes of
	// compressed input (default 2 MiB). Points lie at block boundaries, so distances exceed this a little.
	Spacing, InputSpacing int64
	// Every is how many bytes of output pass between two calls of Save (default 256 MiB).
	Every int64
	// Save, if set, is called with everything needed to go on from here: all output up to that place has been
	// written and all points up to it but the span in progress have been handed out.
	Save func(state []byte) error
}

// NewScanner makes a Scanner that hands to sink.
func NewScanner(sink Sink) *Scanner { panic("unwritten") }

// Hint says that output offset off begins something large: a point should lie at the last block boundary at or before it.
// The sink calls it from its Write; off lies in the bytes that it was just handed or later.
func (s *Scanner) Hint(off int64) { panic("unwritten") }

// Run decodes r to its end. With a state from Save it goes on there: r must then begin at Start(state).
// io.EOF is never returned; trailing zero bytes and garbage after the last member are ignored as by gzip.
func (s *Scanner) Run(ctx context.Context, r io.Reader, state []byte) error { panic("unwritten") }

// In and Out tell how far Run came: bytes of input consumed, bytes of output written.
func (s *Scanner) In() int64  { panic("unwritten") }
func (s *Scanner) Out() int64 { panic("unwritten") }

// Start tells at which byte of the compressed stream and of the output a pass goes on from state.
func Start(state []byte) (in, out int64, err error) { panic("unwritten") }
