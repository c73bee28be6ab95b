package gzseek

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// decoderInput is how much of the source a Decoder asks for at once.
const decoderInput = 64 << 10

// Decoder decodes spans one after the other with the same 280 KiB of memory. Its zero value is ready for use; it
// must not be used by two goroutines at a time.
type Decoder struct {
	stream stream
	out    []byte
}

// Decode decodes the span of p from src, whose first byte is the stream's byte p.Bit/8, and hands
// each checked block of at most BlockSize bytes to emit, with its offset in the uncompressed stream. It stops
// without an error when emit returns false. Damage is ErrCorrupt; no unchecked byte is emitted. The slice
// is valid during the call only.
func (p *Point) Decode(ctx context.Context, src io.Reader, emit func(off int64, block []byte) bool) error {
	var d Decoder
	return d.Decode(ctx, p, src, emit)
}

// Decode is Point.Decode.
func (d *Decoder) Decode(ctx context.Context, p *Point, src io.Reader, emit func(off int64, block []byte) bool) error {
	err := d.decode(ctx, p, src, emit)
	d.stream.src = nil
	if err != nil {
		return fmt.Errorf("decode span at %d: %w", p.Out, err)
	}
	return nil
}

func (d *Decoder) decode(ctx context.Context, p *Point, src io.Reader, emit func(off int64, block []byte) bool) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.Length == 0 {
		return nil
	}
	if d.out == nil {
		d.out = make([]byte, historySize+BlockSize+outputSlack)
	}
	s := &d.stream
	s.out, s.wp, s.low = d.out, historySize, historySize
	if !p.Header {
		n, err := p.Window.unpack(d.out[:historySize])
		if err != nil {
			return err
		}
		s.low = historySize - n
	}
	if err := s.reset(contextReader{ctx, src}, p.Bit, p.Header, decoderInput); err != nil {
		return err
	}
	for i, sum := range p.Sums {
		at := int64(i) * BlockSize
		n := int(min(BlockSize, p.Length-at))
		if err := d.block(ctx, n, i == len(p.Sums)-1, sum); err != nil {
			return err
		}
		if !emit(p.Out+at, d.out[historySize:historySize+n]) {
			return nil
		}
		d.slide(n)
	}
	return nil
}

// block decodes n bytes and checks them. No byte must follow the last ones of a span in what decodes with them.
func (d *Decoder) block(ctx context.Context, n int, last bool, sum uint32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &d.stream
	limit := historySize + n
	for s.wp < limit {
		ev, err := s.step(limit)
		if s.wp >= limit {
			break // what is wrong behind the span does not matter
		}
		if errors.Is(err, ErrFormat) {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if err != nil {
			return err
		}
		if ev == streamEnds {
			return s.corrupt("ends before the span")
		}
	}
	if last && s.wp > limit {
		return s.corrupt("span is too long")
	}
	if crc32.Checksum(d.out[historySize:limit], castagnoli) != sum {
		return s.corrupt("wrong checksum of a span")
	}
	return nil
}

// slide makes room for the next block behind the history of n more bytes.
func (d *Decoder) slide(n int) {
	s := &d.stream
	copy(d.out, d.out[n:s.wp])
	s.wp -= n
	s.low = max(0, s.low-n)
}
