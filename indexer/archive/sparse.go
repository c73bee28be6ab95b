package archive

import (
	"bytes"

	"slotfs/indexer/backup"
)

// maxExtents bounds the map of a sparse file.
const maxExtents = 1 << 20

// sparseRecords is what PAX records say about a sparse file: GNU's formats 0.0 (a record per number), 0.1
// (one record) and 1.0 (the map stands before the data).
type sparseRecords struct {
	used    bool
	major   int64
	minor   int64
	name    []byte // the real path; the member's is made up
	size    value  // logical
	extents []backup.Extent
	offset  value // of 0.0, until its length comes
}

// set applies a record GNU.sparse.KEY.
func (s *sparseRecords) set(key string, val []byte) bool {
	s.used = true
	if key == "name" {
		s.name = cString(val)
		return true
	}
	if key == "map" {
		return s.readMap(val)
	}
	n, ok := decimal(val)
	if !ok || n < 0 {
		return false
	}
	switch key {
	case "major":
		s.major = n
	case "minor":
		s.minor = n
	case "size", "realsize":
		s.size = value{n, true}
	case "offset":
		s.offset = value{n, true}
	case "numbytes":
		if !s.offset.set {
			return false
		}
		s.extents = append(s.extents, backup.Extent{Offset: s.offset.n, Length: n})
		s.offset = value{}
	}
	return len(s.extents) <= maxExtents
}

// readMap reads "offset,length,offset,length,...".
func (s *sparseRecords) readMap(text []byte) bool {
	m := sparseMap{need: 2 * maxExtents}
	for len(text) > 0 {
		field, rest, _ := bytes.Cut(text, []byte{','})
		n, ok := decimal(field)
		if !ok || n < 0 || !m.number(n) {
			return false
		}
		text = rest
	}
	s.extents = m.extents
	return m.need%2 == 0
}

// inContent reports whether the map stands before the data.
func (s *sparseRecords) inContent() bool { return s.used && s.major == 1 && s.minor == 0 }

// sparseMap collects a map number by number.
type sparseMap struct {
	extents []backup.Extent
	need    int64 // numbers still to come; below zero: their count comes first
	num     int64 // the number that is being read
	digits  int64 // of num so far
}

// number takes the next offset or length.
func (m *sparseMap) number(n int64) bool {
	switch {
	case m.need < 0:
		if n > maxExtents {
			return false
		}
		m.need = 2 * n
	case m.need == 0:
		return false
	case m.need%2 == 0:
		m.extents = append(m.extents, backup.Extent{Offset: n})
		m.need--
	default:
		m.extents[len(m.extents)-1].Length = n
		m.need--
	}
	return true
}

// text takes one block of the map of format 1.0: numbers in decimal, each with a line feed, the first one
// the count of extents. What follows the last number is padding.
func (m *sparseMap) text(b *block) bool {
	for _, c := range b {
		switch {
		case m.need == 0:
			return true
		case c == '\n' && m.digits > 0:
			if !m.number(m.num) {
				return false
			}
			m.num, m.digits = 0, 0
		case c >= '0' && c <= '9' && m.digits < 18:
			m.num = m.num*10 + int64(c-'0')
			m.digits++
		default:
			return false
		}
	}
	return true
}

// gnuFields takes the map entries of an old GNU header or of a block that extends it, and reports whether one more
// block follows.
func (m *sparseMap) gnuFields(fields []byte, extended byte) (more, ok bool) {
	for ; len(fields) >= 24; fields = fields[24:] {
		if fields[12] == 0 {
			break
		}
		offset, ok1 := number(fields[:12])
		length, ok2 := number(fields[12:24])
		if !ok1 || !ok2 || offset < 0 || length < 0 || len(m.extents) == maxExtents {
			return false, false
		}
		m.extents = append(m.extents, backup.Extent{Offset: offset, Length: length})
	}
	return extended != 0, true
}

// gnuHeader is gnuFields for the header itself.
func (m *sparseMap) gnuHeader(b *block) (more, ok bool) { return m.gnuFields(b[386:482], b[482]) }

// gnuBlock is gnuFields for a block that extends the header.
func (m *sparseMap) gnuBlock(b *block) (more, ok bool) { return m.gnuFields(b[:504], b[504]) }

// compact checks a map against the sizes and brings it to the form of Entry.Sparse: ascending, no empty and no touching
// extents, nil where everything is data. A file that is one hole keeps one empty extent at its end, so
// that it differs from one that is all data.
func compact(extents []backup.Extent, size, stored int64) ([]backup.Extent, bool) {
	var end, data int64
	kept := extents[:0]
	for _, x := range extents {
		if x.Offset < end || x.Offset > size || x.Length > size-x.Offset || x.Length > stored-data {
			return nil, false
		}
		end = x.Offset + x.Length
		data += x.Length
		if x.Length == 0 {
			continue
		}
		if n := len(kept); n > 0 && kept[n-1].Offset+kept[n-1].Length == x.Offset {
			kept[n-1].Length += x.Length
		} else {
			kept = append(kept, x)
		}
	}
	switch {
	case data == size:
		return nil, true
	case len(kept) == 0:
		return []backup.Extent{{Offset: size}}, true
	}
	return kept, true
}
