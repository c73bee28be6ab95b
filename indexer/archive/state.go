package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/varint"
)

// stateVersion starts a state. Another layout takes another number; a pass then begins anew.
const stateVersion = 3

// errState says that a state is damaged or of another kind of archive.
var errState = errors.New("resume scan: unusable state")

// state is a state of Save, taken apart: the version (1 byte), gzip (0 or 1), the offset in the
// uncompressed archive, the state of the inflater, refused, fault and where it is, the notes, of the member whose end is wanted
// the size, the offset within it and that of the wanted end (zeros: of none), and the levels from the outermost
// on, each with a byte that tells whether another one stands within, and the CRC-32C of it all (4 bytes).
// Numbers are varints, bytes have their length in front.
type state struct {
	gzip     bool
	pos      int64
	inflater []byte
	rest     []byte
}

func appendState(out []byte, w *walker, gzip bool, inflater []byte) []byte {
	from := len(out)
	out = append(out, stateVersion, flag(gzip))
	out = binary.AppendVarint(out, w.top.pos)
	out = varint.AppendBytes(out, inflater)
	out = binary.AppendVarint(out, int64(w.refused))
	out = varint.AppendBytes(out, []byte(w.fault))
	out = binary.AppendVarint(out, w.faultAt)
	out = appendNotes(out, w.notes)
	out = w.delivery.appendTo(out)
	for l := w.top; l != nil; l = l.inner {
		out = l.appendTo(out)
	}
	return seal(out, out[from:])
}

// seal appends a checksum of what stands in front of it.
func seal(out, sealed []byte) []byte {
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(sealed, crc32.MakeTable(crc32.Castagnoli)))
}

func parseState(data []byte) (state, error) {
	n := len(data) - crc32.Size
	if n < 2 || data[0] != stateVersion || data[1] > 1 || !bytes.Equal(seal(nil, data[:n]), data[n:]) {
		return state{}, errState
	}
	d := decoder{varint.Decoder{Rest: data[2:n]}}
	s := state{gzip: data[1] == 1, pos: d.Varint(), inflater: d.Bytes()}
	s.rest = d.Rest
	if d.Failed || s.pos < 0 {
		return state{}, errState
	}
	return s, nil
}

// begin tells where in the stored archive the reader has to start.
func (s *state) begin() (int64, error) {
	if !s.gzip {
		return s.pos, nil
	}
	in, out, err := gzseek.Start(s.inflater)
	if err != nil {
		return 0, err
	}
	if out != s.pos {
		return 0, errState
	}
	return in, nil
}

// restore brings w to where it was.
func (s *state) restore(w *walker) error {
	if _, err := s.begin(); err != nil {
		return err
	}
	d := decoder{varint.Decoder{Rest: s.rest}}
	w.refused, w.fault = uint64(d.Varint()), string(d.Bytes())
	w.faultAt = d.Varint()
	w.notes = d.notes()
	w.delivery.restore(&d)
	more := w.top.restore(&d)
	if more {
		w.top.inner = newLevel(w, "", 0, 0)
		more = w.top.inner.restore(&d)
	}
	if more || d.Failed || len(d.Rest) > 0 || w.top.prefix != "" || w.top.pos != s.pos {
		return errState
	}
	if l := w.top.inner; l != nil && (l.prefix == "" || l.pos != s.pos || w.top.step != stepContent) {
		return errState
	}
	return nil
}

func (l *level) numbers() []*int64 {
	return []*int64{&l.pos, &l.end, &l.left, &l.pad, &l.first, &l.linkBody, &l.linkSize, &l.torn.at, &l.torn.size,
		&l.sparse.need, &l.sparse.num, &l.sparse.digits}
}

func (l *level) flags() []*bool {
	return []*bool{&l.hasLong, &l.hasLink, &l.spoilt, &l.lost, &l.valid}
}

func (l *level) buffers() []*[]byte {
	return []*[]byte{&l.part, &l.long, &l.longLink, &l.linkData, &l.pax, &l.globals, &l.torn.data}
}

func (l *level) appendTo(out []byte) []byte {
	out = append(out, byte(l.step), l.kind, flag(l.inner != nil))
	for _, n := range l.numbers() {
		out = binary.AppendVarint(out, *n)
	}
	for _, b := range l.flags() {
		out = append(out, flag(*b))
	}
	for _, b := range l.buffers() {
		out = varint.AppendBytes(out, *b)
	}
	out = varint.AppendBytes(out, []byte(l.prefix))
	out = varint.AppendBytes(out, []byte(l.current))
	if l.step == stepSparse || l.step == stepMap {
		out = append(out, l.head[:]...)
	}
	out = binary.AppendVarint(out, int64(len(l.sparse.extents)))
	for _, x := range l.sparse.extents {
		out = binary.AppendVarint(binary.AppendVarint(out, x.Offset), x.Length)
	}
	return out
}

// restore reports whether another level stands within.
func (l *level) restore(d *decoder) bool {
	l.step, l.kind = step(d.Byte()), d.Byte()
	inner := d.Byte() == 1
	for _, n := range l.numbers() {
		*n = d.Varint()
	}
	for _, b := range l.flags() {
		*b = d.Byte() == 1
	}
	for _, b := range l.buffers() {
		*b = append([]byte(nil), d.Bytes()...)
	}
	if len(l.torn.data) == 0 {
		l.torn.data = nil
	}
	l.prefix, l.current = string(d.Bytes()), string(d.Bytes())
	if l.step == stepSparse || l.step == stepMap {
		copy(l.head[:], d.Take(blockSize))
	}
	n := d.Varint()
	if n < 0 || n > maxExtents {
		d.Failed = true
		return false
	}
	for ; n > 0 && !d.Failed; n-- {
		l.sparse.extents = append(l.sparse.extents, backup.Extent{Offset: d.Varint(), Length: d.Varint()})
	}
	d.Failed = d.Failed || !l.sane()
	return inner
}

// sane reports whether a level that was read from a state can go on.
func (l *level) sane() bool {
	moving := l.step == stepSkip || l.step == stepContent || l.step == stepRecord
	switch {
	case l.step > stepDead, l.pos < 0, l.end < l.pos, l.end > farthest, l.left < 0, l.left > farthest,
		l.pad < 0, l.pad >= blockSize, l.linkBody < 0, l.linkBody > farthest, l.linkSize < 0, l.linkSize > maxRecord,
		l.torn.size < 0, l.torn.size > maxRecord:
		return false
	case l.step == stepMap && l.left < blockSize:
		return false
	case moving && l.left == 0, l.step == stepRecord && l.left+int64(len(l.part)) > maxRecord+blockSize:
		return false
	case l.step == stepRecord && l.kind == 'K' && l.left+int64(len(l.part)) < l.linkSize:
		return false
	case !moving && len(l.part) >= blockSize, len(l.part) > maxRecord+blockSize:
		return false
	case l.sparse.need > 0 && l.sparse.need%2 != 0 && len(l.sparse.extents) == 0:
		return false
	}
	return true
}

func appendNotes(out []byte, notes backup.Notes) []byte {
	out = binary.AppendVarint(out, int64(len(notes)))
	for _, n := range notes {
		out = binary.AppendVarint(varint.AppendBytes(out, []byte(n.Kind)), int64(n.Count))
		out = varint.AppendBytes(out, []byte(n.Example))
	}
	return out
}

func (d *decoder) notes() (notes backup.Notes) {
	for n := d.Varint(); n > 0 && !d.Failed; n-- {
		kind, count := backup.NoteKind(d.Bytes()), uint64(d.Varint())
		notes.AddCount(kind, count, string(d.Bytes()))
	}
	return notes
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// decoder takes values off the front of a state.
type decoder struct{ varint.Decoder }
