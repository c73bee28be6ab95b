package backup

import (
	"encoding/binary"
	"errors"

	"slotfs/indexer/varint"
)

// partsVersion starts the encoding of Parts. Another layout takes another number.
const partsVersion = 1

// errParts says that a Parts blob is damaged.
var errParts = errors.New("damaged list of parts")

// MarshalBinary encodes p so that equal Parts have equal bytes: the version (1 byte), Full, the number
// of grafts (uvarint), and for each graft Kind, Path, From, Content and a byte that is 1 if Secret.
// Strings are a uvarint length and raw bytes.
func (p *Parts) MarshalBinary() ([]byte, error) {
	out := varint.AppendBytes([]byte{partsVersion}, p.Full)
	out = binary.AppendUvarint(out, uint64(len(p.Grafts)))
	for i := range p.Grafts {
		g := &p.Grafts[i]
		out = varint.AppendBytes(out, g.Kind)
		out = varint.AppendBytes(out, g.Path)
		out = varint.AppendBytes(out, g.From)
		out = varint.AppendBytes(out, g.Content)
		out = append(out, boolByte(g.Secret))
	}
	return out, nil
}

// UnmarshalBinary is the reverse of MarshalBinary. It refuses damaged input with an error.
func (p *Parts) UnmarshalBinary(data []byte) error {
	if len(data) == 0 || data[0] != partsVersion {
		return errParts
	}
	d := varint.Decoder{Rest: data[1:]}
	read := Parts{Full: string(d.Bytes())}
	n := d.Uvarint()
	for i := uint64(0); i < n && !d.Failed; i++ {
		g := Graft{Kind: PartKind(string(d.Bytes())), Path: string(d.Bytes()), From: string(d.Bytes())}
		if content := string(d.Bytes()); content != "" {
			g.Content = []byte(content)
		}
		g.Secret = d.Byte() == 1
		read.Grafts = append(read.Grafts, g)
	}
	if d.Failed || len(d.Rest) != 0 {
		return errParts
	}
	*p = read
	return nil
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
