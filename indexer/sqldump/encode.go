package sqldump

import (
	"encoding/binary"
	"errors"

	"slotfs/indexer/varint"
)

// Contents and the state of a Scanner are kept as a version (1 byte) and numbers as varints; names have their length before them.
//
// Contents: version 1; head; how many tables; of each its name, how many sections, and of each how far it begins behind the end of the one
// before (of all tables, which may be negative), and its length.
//
// State: version 1; flags (within, dead, signed, program); at; begin; rule; last; line; the tables as in Contents. The section that is
// open has the length 0.
const version = 1

// errEncoding says that bytes are not what MarshalBinary wrote.
var errEncoding = errors.New("unusable list of tables")

// MarshalBinary encodes the contents.
func (c *Contents) MarshalBinary() ([]byte, error) {
	return appendTables(binary.AppendVarint([]byte{version}, c.Head), c.Tables), nil
}

// UnmarshalBinary is the reverse of MarshalBinary.
func (c *Contents) UnmarshalBinary(data []byte) error {
	d, err := newDecoder(data)
	if err != nil {
		return err
	}
	c.Head = d.Varint()
	c.Tables = d.tables(false)
	if d.Failed || len(d.Rest) > 0 || c.Head < 0 || len(c.Tables) == 0 {
		return errEncoding
	}
	return nil
}

func appendTables(out []byte, tables []Table) []byte {
	out = binary.AppendVarint(out, int64(len(tables)))
	end := int64(0)
	for _, t := range tables {
		out = appendText(out, t.Name)
		out = binary.AppendVarint(out, int64(len(t.Sections)))
		for _, s := range t.Sections {
			length := max(s.To-s.From, 0)
			out = binary.AppendVarint(binary.AppendVarint(out, s.From-end), length)
			end = s.From + length
		}
	}
	return out
}

func appendText(out []byte, s string) []byte {
	return append(binary.AppendVarint(out, int64(len(s))), s...)
}

// MarshalBinary encodes how far the scanner came.
func (s *Scanner) MarshalBinary() ([]byte, error) {
	flags := byte(0)
	for i, on := range []bool{s.within, s.dead, s.signed, s.program} {
		if on {
			flags |= 1 << i
		}
	}
	out := []byte{version, flags}
	for _, n := range []int64{s.at, s.begin, s.rule, int64(s.last)} {
		out = binary.AppendVarint(out, n)
	}
	return appendTables(appendText(out, string(s.line)), s.tables), nil
}

// UnmarshalBinary is the reverse of MarshalBinary.
func (s *Scanner) UnmarshalBinary(data []byte) error {
	d, err := newDecoder(data)
	if err != nil {
		return err
	}
	flags := d.Byte()
	*s = Scanner{within: flags&1 != 0, dead: flags&2 != 0, signed: flags&4 != 0, program: flags&8 != 0, index: map[string]int{}}
	s.at, s.begin, s.rule = d.Varint(), d.Varint(), d.Varint()
	last := d.Varint()
	s.line = []byte(d.text())
	s.tables = d.tables(true)
	for i, t := range s.tables {
		s.index[t.Name] = i
		s.names += len(t.Name)
		s.n += len(t.Sections)
	}
	s.last = int(last)
	if d.Failed || len(d.Rest) > 0 || flags > 15 || last < -1 || last >= int64(len(s.tables)) || len(s.line) > maxLine || len(s.line) == maxLine && !s.within ||
		s.at < 0 || s.begin < 0 || s.begin > s.at || s.rule < -1 || s.rule > s.at || len(s.index) != len(s.tables) {
		return errEncoding
	}
	return nil
}

// decoder takes values off the front of what was encoded.
type decoder struct{ varint.Decoder }

func newDecoder(data []byte) (*decoder, error) {
	if len(data) == 0 || data[0] != version {
		return nil, errEncoding
	}
	return &decoder{varint.Decoder{Rest: data[1:]}}, nil
}

// count is a number of things of which each takes a byte at least.
func (d *decoder) count() int {
	n := d.Varint()
	if n < 0 || n > int64(len(d.Rest)) {
		d.Fail()
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.count()
	return string(d.Take(uint64(n)))
}

// farthest is an offset that no dump reaches: sums of two such do not overflow.
const farthest = 1 << 61

func (d *decoder) tables(open bool) (all []Table) {
	end := int64(0)
	for n := d.count(); n > 0 && !d.Failed; n-- {
		t := Table{Name: d.text()}
		for m := d.count(); m > 0 && !d.Failed; m-- {
			gap, length := d.Varint(), d.Varint()
			from := end + gap
			if gap < -farthest || gap > farthest || length < 0 || length > farthest || from < 0 || from > farthest || length == 0 && !open {
				d.Failed = true
				break
			}
			end = from + length
			t.Sections = append(t.Sections, Section{from, end})
		}
		d.Failed = d.Failed || len(t.Sections) == 0 || end > farthest
		all = append(all, t)
	}
	return all
}
