package gzseek

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"
)

// The defaults of a Scanner.
const (
	defaultSpacing      = 4 << 20
	defaultInputSpacing = 2 << 20
	defaultEvery        = 256 << 20
)

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
	// compressed input (default 2 MiB). Points lie at block boundaries: a block that is larger than that is not divided.
	Spacing, InputSpacing int64
	// Every is how many bytes of output pass between two calls of Save (default 256 MiB).
	Every int64
	// Save, if set, is called with everything needed to go on from here: all output up to that place has been
	// written and all points up to it but the span in progress have been handed out.
	Save func(state []byte) error

	sink    Sink
	chunk   int // bytes
	in, out atomic.Int64

	choose    chooser
	crc, size uint32 // of the member so far
	proven    int64  // output in members that were right to their end
	saveAt    int64
}

// NewScanner makes a Scanner that hands to sink.
func NewScanner(sink Sink) *Scanner { return &Scanner{sink: sink, chunk: chunkSize} }

// Hint says that output offset off begins something large: a point should lie at the last block boundary at or before it.
// The sink calls it from its Write; off lies in the bytes that it was just handed or later. What lies before the
// last boundary ahead of these bytes comes too late and is ignored.
func (s *Scanner) Hint(off int64) {
	if off >= s.choose.next.out {
		s.choose.hints = append(s.choose.hints, off)
	}
}

// In and Out tell how far Run came: bytes of input consumed, bytes of output written. They may be called at any time.
func (s *Scanner) In() int64  { return s.in.Load() }
func (s *Scanner) Out() int64 { return s.out.Load() }

// Proven tells, after Run, how many bytes of output were in members whose checksums are right. After a resume it may be less.
func (s *Scanner) Proven() int64 { return s.proven }

// Run decodes r to its end. With a state from Save it goes on there: r must then begin at the input offset that
// Start tells, and Spacing, InputSpacing and Every be what they were: then everything comes as it would have come
// without the interruption. io.EOF is never returned; trailing zero bytes and garbage after the last member are
// ignored as by gzip. Of a stream that is truncated or corrupt everything before the fault is handed out, its last
// point too. Run returns when the Read in progress does: r should end with ctx.
func (s *Scanner) Run(ctx context.Context, r io.Reader, state []byte) error {
	if err := s.start(state); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := newPump(s.chunk)
	go p.run(ctx, r, s.choose.next, s.choose.nextRaw)
	defer func() {
		cancel()
		for range p.full {
			// The pump closes full when it has ended.
		}
	}()
	return s.drain(ctx, p)
}

// start sets everything up for the beginning of the stream or for a state.
func (s *Scanner) start(state []byte) error {
	every := orDefault(s.Every, defaultEvery)
	s.choose = chooser{
		spacing: orDefault(s.Spacing, defaultSpacing), inputSpacing: orDefault(s.InputSpacing, defaultInputSpacing),
		emit: s.sink.Point, next: mark{header: true},
	}
	s.crc, s.size, s.proven = 0, 0, 0
	in := int64(0)
	if state != nil {
		if err := s.load(state); err != nil {
			return err
		}
		in = s.choose.next.bit >> 3
		s.proven = s.choose.next.member
	}
	s.in.Store(in)
	s.out.Store(s.choose.at)
	s.saveAt = (s.choose.at/every + 1) * every
	s.Every = every
	return nil
}

func orDefault(v, def int64) int64 {
	if v > 0 {
		return v
	}
	return def
}

// drain takes the chunks as they come.
func (s *Scanner) drain(ctx context.Context, p *pump) error {
	for k := range p.full {
		if err := ctx.Err(); err != nil {
			return err
		}
		fault, err := s.take(k)
		if err != nil {
			return err
		}
		if fault == nil && k.err == nil {
			p.free <- k
			continue
		}
		if fault == nil {
			fault = k.err
		}
		return s.finish(k, fault)
	}
	if p.failed != nil {
		return p.failed
	}
	return ctx.Err()
}

// take hands out a chunk. Faults of the stream are told apart from errors.
func (s *Scanner) take(k *chunk) (fault, err error) {
	if from := s.choose.at; k.start+int64(k.n) > from {
		if _, err := s.sink.Write(k.data()[max(0, from-k.start):]); err != nil {
			return nil, err
		}
		s.out.Store(k.start + int64(k.n))
	}
	fault = s.verify(k)
	if err := s.choose.take(k); err != nil {
		return nil, err
	}
	s.in.Store(k.compEnd)
	if fault != nil || k.err != nil {
		return fault, nil
	}
	if err := s.choose.release(); err != nil {
		return nil, err
	}
	return nil, s.save()
}

// verify checks the members that end in the chunk.
func (s *Scanner) verify(k *chunk) error {
	at := s.choose.at // what lies before was done before a resume
	sum := func(to int64) {
		if to > at {
			data := k.data()[at-k.start : to-k.start]
			s.crc = crc32.Update(s.crc, crc32.IEEETable, data)
			s.size += uint32(len(data))
			at = to
		}
	}
	for _, t := range k.trailers {
		if t.out < s.choose.at {
			continue
		}
		sum(t.out)
		if s.crc != t.crc || s.size != t.size {
			return fmt.Errorf("decode gzip: byte %d: %w", t.at-8, ErrChecksum)
		}
		s.crc, s.size, s.proven = 0, 0, t.out
	}
	sum(k.start + int64(k.n))
	return nil
}

// finish ends the pass at the last chunk.
func (s *Scanner) finish(k *chunk, fault error) error {
	if fault == io.EOF {
		return s.choose.end(k.end)
	}
	if errors.Is(fault, ErrCorrupt) || errors.Is(fault, io.ErrUnexpectedEOF) {
		end := k.end
		if k.err == nil {
			end = k.compEnd << 3
		}
		if err := s.choose.end(end); err != nil {
			return err
		}
	}
	return fault
}
