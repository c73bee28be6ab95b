package archive

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"

	"slotfs/indexer/backup"
)

const blockSize = 512

// block is one block of an archive, seen as a header. Fields stand where POSIX.1-1988 (ustar) and the GNU
// manual ("Basic Tar Format") put them.
type block [blockSize]byte

// dialect is what the magic of a header tells.
type dialect uint8

const (
	dialectV7    dialect = iota // no magic: name, mode, ids, size, mtime, type, link
	dialectUstar                // "ustar\0": also device numbers and a prefix of the name; PAX uses it
	dialectGNU                  // "ustar  \0": device numbers; times and sparse map stand in place of the prefix
	dialectStar                 // "ustar\0" and "tar\0" at the end: a shorter prefix
)

func (b *block) dialect() dialect {
	switch magic := string(b[257:263]); {
	case magic == "ustar " && b[263] == ' ':
		return dialectGNU
	case magic == "ustar\x00" && string(b[508:512]) == "tar\x00":
		return dialectStar
	case magic == "ustar\x00":
		return dialectUstar
	}
	return dialectV7
}

// zero reports whether b ends an archive: all zeros, whatever stands for a checksum.
func (b *block) zero() bool {
	if b[0] != 0 {
		return false
	}
	var any uint64
	for i := 0; i < blockSize; i += 8 {
		if i != 144 && i != 152 {
			any |= binary.LittleEndian.Uint64(b[i:])
		}
	}
	return any == 0 && blank(b[144:148]) && blank(b[156:160])
}

// summed reports whether the checksum is right. POSIX sums unsigned bytes; some old writers summed signed ones.
func (b *block) summed() bool {
	want, ok := octal(b[148:156])
	if !ok {
		return false
	}
	const lanes = 0x00ff00ff00ff00ff
	var sums uint64 // four sums of 16 bits: 128 bytes of at most 255 each fit
	high := 0
	for i := 0; i < blockSize; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		sums += x&lanes + x>>8&lanes
		high += bits.OnesCount64(x & 0x8080808080808080)
	}
	sum := int64(sums&0xffff + sums>>16&0xffff + sums>>32&0xffff + sums>>48)
	for _, c := range b[148:156] { // the field itself counts as spaces
		sum += ' ' - int64(c)
	}
	return sum == want || sum-256*int64(high) == want
}

// likely reports whether the beginning of a header, cut short, has the magic of one.
func likely(part []byte) bool { return len(part) >= 262 && string(part[257:262]) == "ustar" }

func (b *block) typeflag() byte { return b[156] }

// size of what follows the header; false if the field makes no sense.
func (b *block) size() (int64, bool) {
	n, ok := number(b[124:136])
	return n, ok && n >= 0
}

// name appends the name with its prefix to dst.
func (b *block) name(dst []byte) []byte {
	var prefix []byte
	switch b.dialect() {
	case dialectUstar:
		prefix = cString(b[345:500])
	case dialectStar:
		prefix = cString(b[345:476])
	}
	if len(prefix) > 0 {
		dst = append(append(dst, prefix...), '/')
	}
	return append(dst, cString(b[:100])...)
}

// names are those of the owners; v7 has none.
func (b *block) names() (user, group []byte) {
	if b.dialect() == dialectV7 {
		return nil, nil
	}
	return cString(b[265:297]), cString(b[297:329])
}

func (b *block) link() []byte { return cString(b[157:257]) }

// device gives the device numbers of a node; v7 has none.
func (b *block) device() (major, minor int64) {
	if b.dialect() == dialectV7 {
		return 0, 0
	}
	major, _ = number(b[329:337])
	minor, _ = number(b[337:345])
	return major, minor
}

// attributes sets what the header says, or r where it says something else. Fields that make no sense count as zero.
func (b *block) attributes(e *backup.Entry, r *records) (odd oddities) {
	mode, _ := number(b[100:108])
	e.Mode = uint32(mode) & backup.ModePerm
	var uid, gid bool
	e.UID, uid = ownerID(r.uid.or(b[108:116]))
	e.GID, gid = ownerID(r.gid.or(b[116:124]))
	at, mtime := r.mtime, true
	if !r.timed {
		at.Sec, mtime = number(b[136:148])
	}
	e.SetTime(at)
	if !uid || !gid {
		odd |= oddOwner
	}
	if !mtime {
		odd |= oddTime
	}
	return odd
}

// fileType maps the type flag to type bits. slash tells whether the name ends with one: that makes a directory of what
// v7 can only call a file.
func (b *block) fileType(slash bool) uint32 {
	switch b.typeflag() {
	case '2':
		return backup.ModeSymlink
	case '3':
		return backup.ModeChar
	case '4':
		return backup.ModeBlock
	case '5', 'D':
		return backup.ModeDir
	case '6':
		return backup.ModeFIFO
	case 0, '0', '7':
		if slash {
			return backup.ModeDir
		}
	}
	return backup.ModeRegular // POSIX: what is not known is a file
}

// hasContent reports whether the size field counts bytes that follow. That of a directory means nothing, unless it is a
// GNU dump, where a list of names follows.
func (b *block) hasContent(slash bool) bool {
	t := b.typeflag()
	return (t < '1' || t > '6') && (t == 'D' || b.fileType(slash) != backup.ModeDir)
}

// number reads a numeric field: octal, or big-endian two's complement if the first bit is set (GNU, star).
func number(field []byte) (int64, bool) {
	if field[0]&0x80 == 0 {
		return octal(field)
	}
	v := int64(field[0] & 0x3f)
	if field[0]&0x40 != 0 {
		v -= 0x40
	}
	for _, c := range field[1:] {
		if v > math.MaxInt64>>8 || v < math.MinInt64>>8 {
			return 0, false
		}
		v = v<<8 | int64(c)
	}
	return v, true
}

// octal reads digits between spaces or NULs; an empty field is zero.
func octal(field []byte) (int64, bool) {
	i := 0
	for i < len(field) && (field[i] == ' ' || field[i] == 0) {
		i++
	}
	var v int64
	for ; i < len(field); i++ {
		c := field[i] - '0'
		if c > 7 {
			break
		}
		v = v<<3 | int64(c) // at most 12 digits
	}
	return v, i == len(field) || field[i] == ' ' || field[i] == 0
}

func cString(field []byte) []byte {
	if i := bytes.IndexByte(field, 0); i >= 0 {
		return field[:i]
	}
	return field
}

// overflowID is what Linux shows for an id that does not fit.
const overflowID = 65534

// ownerID takes ids as GNU tar writes them, -2 for nobody included. It reports false for one that no file can have.
func ownerID(v int64, ok bool) (uint32, bool) {
	if v < math.MinInt32 || v > math.MaxUint32 {
		return overflowID, false
	}
	return uint32(v), ok
}

// makedev packs device numbers as makedev(3) does on Linux.
func makedev(major, minor int64) uint64 {
	ma, mi := uint64(uint32(major)), uint64(uint32(minor))
	return mi&0xff | ma&0xfff<<8 | mi&^0xff<<12 | ma&^0xfff<<32
}
