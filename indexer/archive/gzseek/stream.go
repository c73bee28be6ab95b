package gzseek

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
)

// event is why step came back.
type event uint8

const (
	outputFull   event = iota // the limit is reached
	memberBegins              // a header was read: at mark
	blockEnds                 // a block ended that is not the member's last
	memberEnds                // a trailer was read: crc and size
	streamEnds                // nothing but padding follows
)

// phase is what comes next in the stream.
type phase uint8

const (
	atMember phase = iota
	atBlock
	inBlock
	atTrailer
	atEnd
)

// stream decodes the members of a gzip stream (RFC 1952) one after the other.
type stream struct {
	inflater
	phase phase
	mark  int64 // first bit of the member's header
	done  int64 // bit after the member's last block

	crc, size uint32 // what the member's trailer says
}

// reset makes s go on at bit of the stream with the byte bit/8 of src: at a header, or at a block whose history is
// in out[low:wp].
func (s *stream) reset(src io.Reader, bit int64, header bool, inputSize int) error {
	s.input.reset(src, bit>>3, inputSize)
	s.phase, s.mark, s.done = atBlock, bit, bit
	s.final, s.stored, s.left = false, false, 0
	if header {
		s.phase = atMember
		return nil
	}
	_, err := s.take(uint(bit & 7))
	return err
}

// step decodes on to the next event, at the latest until out[:limit] is written.
func (s *stream) step(limit int) (event, error) {
	for {
		switch s.phase {
		case atMember:
			s.mark = s.bit()
			more, err := s.header(s.mark == 0)
			if err != nil {
				return 0, err
			}
			if !more {
				s.phase = atEnd
				continue
			}
			s.phase, s.low = atBlock, s.wp
			return memberBegins, nil
		case atBlock:
			empty, err := s.block()
			if err != nil {
				return 0, err
			}
			s.phase = inBlock
			if empty {
				if s.blockEnd() {
					return blockEnds, nil
				}
			}
		case inBlock:
			ended, err := s.body(limit)
			if err != nil {
				return 0, err
			}
			if !ended {
				return outputFull, nil
			}
			if s.blockEnd() {
				return blockEnds, nil
			}
		case atTrailer:
			return memberEnds, s.trailer()
		case atEnd:
			return streamEnds, nil
		}
	}
}

// blockEnd leaves a block. It reports whether another one follows.
func (s *stream) blockEnd() bool {
	if s.final {
		s.phase, s.done = atTrailer, s.bit()
		return false
	}
	s.phase = atBlock
	return true
}

func (s *stream) trailer() (err error) {
	s.align()
	if s.crc, err = s.take(32); err != nil {
		return err
	}
	if s.size, err = s.take(32); err != nil {
		return err
	}
	s.align()
	s.phase = atMember
	return nil
}

// The flags of a header.
const (
	flagCRC     = 1 << 1
	flagExtra   = 1 << 2
	flagName    = 1 << 3
	flagComment = 1 << 4
	flagUnknown = 0xe0 // encrypted, or reserved: gzip reads none of these
)

// header reads a member's header. It reports false if what follows the last member is not another one.
func (s *stream) header(first bool) (more bool, err error) {
	if !first {
		if more, err = s.magic(); !more || err != nil {
			return false, err
		}
	}
	h := headerReader{in: &s.input}
	if id := h.next(3); !bytes.HasPrefix([]byte{0x1f, 0x8b, 8}, id) {
		if first {
			return false, fmt.Errorf("decode gzip: %w", ErrFormat)
		}
		return false, s.corrupt("unknown compression method")
	}
	rest := h.next(7)
	if h.err != nil {
		return false, h.err
	}
	flags := rest[0]
	if flags&flagUnknown != 0 {
		return false, s.unknownFlags(first)
	}
	if flags&flagExtra != 0 {
		if n := h.next(2); h.err == nil {
			h.skip(int(n[0]) | int(n[1])<<8)
		}
	}
	if flags&flagName != 0 {
		h.skipString()
	}
	if flags&flagComment != 0 {
		h.skipString()
	}
	if flags&flagCRC != 0 {
		want := uint16(h.crc)
		if n := h.next(2); h.err == nil && want != uint16(n[0])|uint16(n[1])<<8 {
			return false, s.corrupt("wrong checksum of a header")
		}
	}
	return h.err == nil, h.err
}

// unknownFlags is the error for a member whose flags say that it is something that gzip cannot read.
func (s *stream) unknownFlags(first bool) error {
	if first {
		return fmt.Errorf("decode gzip: unknown flags: %w", ErrFormat)
	}
	return s.corrupt("unknown flags of a member")
}

// magic reports whether a member follows. As with gzip, zeros and garbage behind the last member do not count.
func (s *stream) magic() (bool, error) {
	if s.end-s.pos < 2 {
		if err := s.fill(); err != nil {
			return false, err
		}
	}
	ahead := s.buf[s.pos:s.end]
	if len(ahead) == 1 && ahead[0] == 0x1f {
		return false, s.truncated()
	}
	return bytes.HasPrefix(ahead, []byte{0x1f, 0x8b}), nil
}

// headerReader reads bytes and sums them up, until the first error.
type headerReader struct {
	in  *input
	crc uint32
	err error
	buf [8]byte
}

// next returns the next n <= 8 bytes, or what there is of them.
func (h *headerReader) next(n int) []byte {
	for i := range n {
		var v uint32
		if h.err == nil {
			v, h.err = h.in.take(8)
		}
		if h.err != nil {
			return h.buf[:i]
		}
		h.buf[i] = byte(v)
	}
	h.in.align()
	h.crc = crc32.Update(h.crc, crc32.IEEETable, h.buf[:n])
	return h.buf[:n]
}

func (h *headerReader) skip(n int) {
	for ; n > 0 && h.err == nil; n-- {
		h.next(1)
	}
}

func (h *headerReader) skipString() {
	for {
		if b := h.next(1); h.err != nil || b[0] == 0 {
			return
		}
	}
}
