package gzseek

import (
	"encoding/binary"
	"fmt"
	"math"
)

const stateVersion = 1

// The flags of a mark in a state.
const markHeader = 1 << 0

// packWait is how long a state may be late, in bytes of output.
const packWait = 2 << 20

// save hands out the state when it is due. The last undecided mark is where a pass goes on: what lies between it
// and the end of the output is decoded again, but not handed out again. So there is never a half-read block to keep.
func (s *Scanner) save() error {
	c := &s.choose
	if s.Save == nil || c.at < s.saveAt || !c.started {
		return nil
	}
	if !c.packed {
		// Wait for the output that tells what the window needs, but not for ever: points may be close.
		if c.at < s.saveAt+packWait {
			return nil
		}
		if err := c.pack(); err != nil {
			return err
		}
	}
	s.saveAt = (c.at/s.Every + 1) * s.Every
	b := []byte{stateVersion}
	b = binary.AppendUvarint(b, uint64(c.at))
	b = binary.AppendUvarint(b, uint64(s.chunk))
	b = binary.LittleEndian.AppendUint32(b, s.crc)
	b = binary.LittleEndian.AppendUint32(b, s.size)
	b = appendMark(b, c.point)
	b = appendBytes(b, c.window.packed)
	b = appendSums(b, &c.sums)
	b = appendMark(b, c.next)
	b = appendBytes(b, c.nextRaw)
	b = appendSums(b, &c.atNext)
	b = appendSums(b, &c.nextSums)
	b = binary.AppendUvarint(b, uint64(c.lostBit))
	b = binary.AppendUvarint(b, uint64(len(c.hints)))
	for _, h := range c.hints {
		b = binary.AppendUvarint(b, uint64(h))
	}
	return s.Save(seal(b))
}

// load is the reverse of save.
func (s *Scanner) load(state []byte) error {
	f, err := open(state, stateVersion)
	if err != nil {
		return fmt.Errorf("decode gzip state: %w", err)
	}
	c := &s.choose
	c.at = f.int()
	chunk := f.uint(math.MaxInt32)
	s.crc, s.size = f.uint32(), f.uint32()
	c.point = f.mark()
	c.window = Window{packed: f.sized()}
	c.sums = f.spanSums()
	c.next = f.mark()
	c.nextRaw = f.sized()
	c.atNext = f.spanSums()
	c.nextSums = f.spanSums()
	c.lostBit = f.int()
	for range f.uint(uint64(len(f.data))) {
		c.hints = append(c.hints, f.int())
	}
	c.started, c.packed = true, true
	if f.bad || len(f.data) != 0 || s.chunk != 0 && chunk != uint64(s.chunk) || !c.valid() {
		return fmt.Errorf("decode gzip state: %w", errDamaged)
	}
	return nil
}

// valid reports whether the parts of a loaded state go together.
func (c *chooser) valid() bool {
	window := c.next.history()
	if c.next.header {
		window = 0
	}
	return c.point.member <= c.point.out && c.next.member <= c.next.out &&
		c.point.out <= c.next.out && c.next.out <= c.at && len(c.nextRaw) == window &&
		(!c.next.header || c.next.bit&7 == 0) && (!c.point.header || c.point.bit&7 == 0 && len(c.window.packed) == 0) &&
		c.sums.covers(c.at-c.point.out) && c.atNext.covers(c.next.out-c.point.out) &&
		(c.next.out == c.point.out || c.nextSums.covers(c.at-c.next.out))
}

// covers reports whether the sums are those of so many bytes.
func (s *spanSums) covers(n int64) bool {
	return int64(len(s.done)) == n/BlockSize && int64(s.n) == n%BlockSize
}

// Start tells at which byte of the compressed stream and of the output a pass goes on from state.
func Start(state []byte) (in, out int64, err error) {
	var s Scanner // with any size of chunks
	if err := s.load(state); err != nil {
		return 0, 0, err
	}
	return s.choose.next.bit >> 3, s.choose.at, nil
}

func appendBytes(b, p []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(p))), p...)
}

func appendMark(b []byte, m mark) []byte {
	flags := byte(0)
	if m.header {
		flags |= markHeader
	}
	b = append(b, flags)
	for _, v := range []int64{m.bit, m.end, m.out, m.member} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	return b
}

func appendSums(b []byte, s *spanSums) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.done)))
	for _, sum := range s.done {
		b = binary.LittleEndian.AppendUint32(b, sum)
	}
	b = binary.LittleEndian.AppendUint32(b, s.crc)
	return binary.AppendUvarint(b, uint64(s.n))
}

func (f *fields) sized() []byte {
	return append([]byte(nil), f.bytes(int(f.uint(uint64(len(f.data)))))...)
}

func (f *fields) mark() mark {
	flags := f.uint(markHeader)
	return mark{bit: f.int(), end: f.int(), out: f.int(), member: f.int(), header: flags&markHeader != 0}
}

func (f *fields) spanSums() spanSums {
	n := f.uint(uint64(len(f.data)))
	return spanSums{done: f.sums(int64(n)), crc: f.uint32(), n: int(f.uint(BlockSize - 1))}
}
