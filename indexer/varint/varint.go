// Package varint takes numbers and strings off the front of bytes that package encoding/binary appended. It must not know what they
// mean.
package varint

import "encoding/binary"

// Decoder takes values off the front of Rest. After the first one that is not there Failed stays set, and all others are zero.
type Decoder struct {
	Rest   []byte
	Failed bool
}

// Fail gives up: the input is not what was encoded.
func (d *Decoder) Fail() { d.Failed, d.Rest = true, nil }

// Uvarint is a number as binary.AppendUvarint appends it.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.Rest)
	d.skip(n)
	return v
}

// Varint is a number as binary.AppendVarint appends it.
func (d *Decoder) Varint() int64 {
	v, n := binary.Varint(d.Rest)
	d.skip(n)
	return v
}

func (d *Decoder) skip(n int) {
	if n <= 0 {
		d.Fail()
		return
	}
	d.Rest = d.Rest[n:]
}

// Byte is one byte.
func (d *Decoder) Byte() byte {
	if b := d.Take(1); b != nil {
		return b[0]
	}
	return 0
}

// Take is n bytes, which stay part of the input.
func (d *Decoder) Take(n uint64) []byte {
	if n > uint64(len(d.Rest)) {
		d.Fail()
		return nil
	}
	b := d.Rest[:n]
	d.Rest = d.Rest[n:]
	return b
}

// Bytes is what AppendBytes appends. They stay part of the input.
func (d *Decoder) Bytes() []byte { return d.Take(d.Uvarint()) }

// AppendBytes appends a length as Uvarint takes it, and the bytes.
func AppendBytes[T ~string | ~[]byte](out []byte, b T) []byte {
	return append(binary.AppendUvarint(out, uint64(len(b))), b...)
}
