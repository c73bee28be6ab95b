package backup

import (
	"encoding/binary"
	"errors"
)

// partsVersion starts the encoding of Parts. Another layout takes another number.
const partsVersion = 1

// errParts says that a Parts blob is damaged.
var errParts = errors.New("damaged list of parts")

// MarshalBinary encodes p so that equal Parts have equal bytes: the version (1 byte), Full, the number
// of grafts (uvarint), and for each graft Kind, Path, From, Content and a byte that is 1 if Secret.
// Strings are a uvarint length and raw bytes.
func (p *Parts) MarshalBinary() ([]byte, error) {
	out := appendString([]byte{partsVersion}, p.Full)
	out = binary.AppendUvarint(out, uint64(len(p.Grafts)))
	for i := range p.Grafts {
		g := &p.Grafts[i]
		out = appendString(out, string(g.Kind))
		out = appendString(out, g.Path)
		out = appendString(out, g.From)
		out = appendString(out, string(g.Content))
		out = append(out, boolByte(g.Secret))
	}
	return out, nil
}

// UnmarshalBinary is the reverse of MarshalBinary. It refuses damaged input with an error.
func (p *Parts) UnmarshalBinary(data []byte) error {
	if len(data) == 0 || data[0] != partsVersion {
		return errParts
	}
	d := decoder{rest: data[1:]}
	read := Parts{Full: d.string()}
	n := d.uvarint()
	for i := uint64(0); i < n && !d.failed; i++ {
		g := Graft{Kind: PartKind(d.string()), Path: d.string(), From: d.string()}
		if content := d.string(); content != "" {
			g.Content = []byte(content)
		}
		g.Secret = d.byte() == 1
		read.Grafts = append(read.Grafts, g)
	}
	if d.failed || len(d.rest) != 0 {
		return errParts
	}
	*p = read
	return nil
}

func appendString(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// decoder takes values off the front of rest; after the first short read failed stays set.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return ""
	}
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.failed = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}
