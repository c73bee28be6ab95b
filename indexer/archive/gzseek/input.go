package gzseek

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	inputSize = 128 << 10
	// inputPad zero bytes follow the last byte of the stream, so that whole words can be loaded up to its end.
	inputPad = 32
	// inputBack bytes before pos stay in the buffer: what is loaded into bits can be given back.
	inputBack = 8
)

// input reads a stream bit by bit, lowest bit of each byte first.
//
// The bits of buf[:pos] have been loaded into bits; the lowest nbits of them are not consumed yet. Above these, bits
// may hold a part of buf[pos:] already: loading it again changes nothing.
type input struct {
	src   io.Reader
	buf   []byte
	end   int // buf[:end] came from src
	pos   int
	bits  uint64
	nbits uint
	base  int64 // offset of buf[0] in the stream
	eof   bool  // src has ended, zeros follow buf[:end]

	tap    func(p []byte) // gets every byte that was consumed, if set
	tapped int            // tap has had buf[:tapped]
}

// reset makes in read src, whose first byte is the byte at offset of the stream.
func (in *input) reset(src io.Reader, offset int64, size int) {
	if len(in.buf) < size+inputPad {
		in.buf = make([]byte, size+inputPad)
	}
	*in = input{src: src, buf: in.buf, base: offset, tap: in.tap}
}

// bit is the offset in the stream of the next bit, in bits.
func (in *input) bit() int64 { return (in.base+int64(in.pos))<<3 - int64(in.nbits) }

// byteEnd is the offset of the first byte that nothing was consumed of.
func (in *input) byteEnd() int64 { return (in.bit() + 7) >> 3 }

// inputEnd is the offset behind the last byte that came from src. Behind it a stream that ends early reads as zeros.
func (in *input) inputEnd() int64 { return in.base + int64(in.end) }

// over reports whether more bits were consumed than the stream has.
func (in *input) over() bool { return in.pos<<3-int(in.nbits) > in.end<<3 }

// flushTap hands to tap what was consumed since the last call.
func (in *input) flushTap() {
	if in.tap == nil {
		return
	}
	if done := min(int(in.byteEnd()-in.base), in.end); done > in.tapped {
		in.tap(in.buf[in.tapped:done])
		in.tapped = done
	}
}

// fill reads on until at least inputPad bytes are ahead or the stream ends.
func (in *input) fill() error {
	if in.eof {
		return nil
	}
	in.flushTap()
	keep := max(0, min(in.pos-inputBack, in.end))
	in.end = copy(in.buf, in.buf[keep:in.end])
	in.pos -= keep
	in.tapped -= keep
	in.base += int64(keep)
	for empty := 0; in.end < in.pos+inputPad; {
		n, err := in.src.Read(in.buf[in.end : len(in.buf)-inputPad])
		in.end += n
		if err == io.EOF {
			in.eof = true
			clear(in.buf[in.end : in.end+inputPad])
			return nil
		}
		if err != nil {
			return err
		}
		empty++
		if n > 0 {
			empty = 0
		}
		if empty == 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}

// refill makes at least 56 bits available. Behind the end of the stream they are zero; over tells when such
// bits have been consumed.
func (in *input) refill() error {
	if in.end-in.pos < 8 && !in.eof {
		if err := in.fill(); err != nil {
			return err
		}
	}
	in.bits |= binary.LittleEndian.Uint64(in.buf[in.pos:]) << (in.nbits & 63)
	in.pos += int((63 - in.nbits) >> 3)
	in.nbits |= 56
	return nil
}

// drop consumes n bits that refill has made available.
func (in *input) drop(n uint) {
	in.bits >>= n & 63
	in.nbits -= n
}

// take consumes n <= 32 bits.
func (in *input) take(n uint) (uint32, error) {
	if err := in.refill(); err != nil {
		return 0, err
	}
	v := uint32(in.bits & (1<<(n&63) - 1))
	in.drop(n)
	if in.over() {
		return 0, in.truncated()
	}
	return v, nil
}

// align skips to the next byte and gives back the whole bytes that were loaded.
func (in *input) align() {
	in.pos -= int(in.nbits >> 3)
	in.bits, in.nbits = 0, 0
}

// more reports whether another byte follows. The input must be aligned.
func (in *input) more() (bool, error) {
	if in.pos >= in.end {
		if err := in.fill(); err != nil {
			return false, err
		}
	}
	return in.pos < in.end, nil
}

func (in *input) truncated() error {
	return fmt.Errorf("decode gzip: ends at byte %d: %w", in.inputEnd(), io.ErrUnexpectedEOF)
}

func (in *input) corrupt(what string) error {
	return fmt.Errorf("decode gzip: byte %d: %s: %w", in.bit()>>3, what, ErrCorrupt)
}

// contextReader gives up between reads when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
