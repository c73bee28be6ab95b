package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
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
	out = appendBytes(out, inflater)
	out = binary.AppendVarint(out, int64(w.refused))
	out = appendBytes(out, []byte(w.fault))
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
	d := decoder{rest: data[2:n]}
	s := state{gzip: data[1] == 1, pos: d.number(), inflater: d.bytes()}
	s.rest = d.rest
	if d.failed || s.pos < 0 {
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
	d := decoder{rest: s.rest}
	w.refused, w.fault = uint64(d.number()), string(d.bytes())
	w.faultAt = d.number()
	w.notes = d.notes()
	w.delivery.restore(&d)
	more := w.top.restore(&d)
	if more {
		w.top.inner = newLevel(w, "", 0, 0)
		more = w.top.inner.restore(&d)
	}
	if more || d.failed || len(d.rest) > 0 || w.top.prefix != "" || w.top.pos != s.pos {
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
		out = appendBytes(out, *b)
	}
	out = appendBytes(out, []byte(l.prefix))
	out = appendBytes(out, []byte(l.current))
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
	l.step, l.kind = step(d.byte()), d.byte()
	inner := d.byte() == 1
	for _, n := range l.numbers() {
		*n = d.number()
	}
	for _, b := range l.flags() {
		*b = d.byte() == 1
	}
	for _, b := range l.buffers() {
		*b = append([]byte(nil), d.bytes()...)
	}
	if len(l.torn.data) == 0 {
		l.torn.data = nil
	}
	l.prefix, l.current = string(d.bytes()), string(d.bytes())
	if l.step == stepSparse || l.step == stepMap {
		copy(l.head[:], d.take(blockSize))
	}
	n := d.number()
	if n < 0 || n > maxExtents {
		d.failed = true
		return false
	}
	for ; n > 0 && !d.failed; n-- {
		l.sparse.extents = append(l.sparse.extents, backup.Extent{Offset: d.number(), Length: d.number()})
	}
	d.failed = d.failed || !l.sane()
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
		out = binary.AppendVarint(appendBytes(out, []byte(n.Kind)), int64(n.Count))
		out = appendBytes(out, []byte(n.Example))
	}
	return out
}

func (d *decoder) notes() (notes backup.Notes) {
	for n := d.number(); n > 0 && !d.failed; n-- {
		kind, count := backup.NoteKind(d.bytes()), uint64(d.number())
		notes.AddCount(kind, count, string(d.bytes()))
	}
	return notes
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendBytes(out, b []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(b))), b...)
}

// decoder takes values off the front of rest; after the first short read failed stays set.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) number() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) bytes() []byte {
	n, used := binary.Uvarint(d.rest)
	if used <= 0 {
		d.failed, d.rest = true, nil
		return nil
	}
	d.rest = d.rest[used:]
	return d.take(n)
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}
