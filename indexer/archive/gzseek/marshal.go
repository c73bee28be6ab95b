package gzseek

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

const (
	pointVersion = 1
	pointHeader  = 1 << 0 // flag: Point.Header
)

// castagnoli is the polynomial of all sums of this package but those of gzip.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// MarshalBinary encodes p for the index.
func (p *Point) MarshalBinary() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("encode point at %d: %w", p.Out, err)
	}
	flags := byte(0)
	if p.Header {
		flags |= pointHeader
	}
	b := make([]byte, 0, 48+len(p.Sums)*4+len(p.Window.packed))
	b = append(b, pointVersion, flags)
	b = binary.AppendUvarint(b, uint64(p.Bit))
	b = binary.AppendUvarint(b, uint64(p.Out))
	b = binary.AppendUvarint(b, uint64(p.Length))
	b = binary.AppendUvarint(b, uint64(p.End-p.Bit>>3))
	for _, sum := range p.Sums {
		b = binary.LittleEndian.AppendUint32(b, sum)
	}
	b = append(b, p.Window.packed...)
	return seal(b), nil
}

// UnmarshalBinary is the reverse of MarshalBinary; it refuses damaged input with an error.
func (p *Point) UnmarshalBinary(data []byte) error {
	f, err := open(data, pointVersion)
	if err != nil {
		return fmt.Errorf("decode point: %w", err)
	}
	flags := f.uint(pointHeader)
	n := Point{Bit: f.int(), Out: f.int(), Length: f.int(), Header: flags&pointHeader != 0}
	n.End = n.Bit>>3 + f.int()
	n.Sums = f.sums(blocks(n.Length))
	n.Window.packed = append([]byte(nil), f.data...)
	if f.bad {
		return fmt.Errorf("decode point: %w", errDamaged)
	}
	if err := n.check(); err != nil {
		return fmt.Errorf("decode point: %w", err)
	}
	*p = n
	return nil
}

// blocks tells how many sums cover length bytes.
func blocks(length int64) int64 {
	return length/BlockSize + min(1, length%BlockSize)
}

// check refuses a point that makes no sense.
func (p *Point) check() error {
	if p.Bit < 0 || p.Out < 0 || p.Length < 0 || p.Out > math.MaxInt64-p.Length || p.End < p.Bit>>3 ||
		int64(len(p.Sums)) != blocks(p.Length) || p.Header && (p.Bit&7 != 0 || len(p.Window.packed) != 0) {
		return errDamaged
	}
	return nil
}

// seal appends the checksum of b.
func seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// open checks what seal made and returns the fields behind the version.
func open(data []byte, version byte) (fields, error) {
	n := len(data) - 4
	if n < 1 || crc32.Checksum(data[:n], castagnoli) != binary.LittleEndian.Uint32(data[n:]) {
		return fields{}, errDamaged
	}
	if data[0] != version {
		return fields{}, fmt.Errorf("version %d: %w", data[0], errVersion)
	}
	return fields{data: data[1:n]}, nil
}

// fields reads encoded fields until the first that is bad; all after it are zero.
type fields struct {
	data []byte
	bad  bool
}

// uint reads a number of at most limit.
func (f *fields) uint(limit uint64) uint64 {
	v, n := binary.Uvarint(f.data)
	if n <= 0 || v > limit || f.bad {
		f.bad = true
		return 0
	}
	f.data = f.data[n:]
	return v
}

// int reads an offset or a length; sums of two of them do not overflow.
func (f *fields) int() int64 { return int64(f.uint(math.MaxInt64 >> 1)) }

// bytes reads n bytes, which stay part of the input.
func (f *fields) bytes(n int) []byte {
	if f.bad || n < 0 || n > len(f.data) {
		f.bad = true
		return nil
	}
	b := f.data[:n:n]
	f.data = f.data[n:]
	return b
}

func (f *fields) uint32() uint32 {
	if b := f.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// sums reads n checksums.
func (f *fields) sums(n int64) []uint32 {
	if f.bad || n > int64(len(f.data))/4 {
		f.bad = true
		return nil
	}
	sums := make([]uint32, n)
	for i := range sums {
		sums[i] = f.uint32()
	}
	return sums
}
