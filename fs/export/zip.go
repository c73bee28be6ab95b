package export

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"
	"unicode/utf8"

	"slotfs/indexer/backup"
)

// A ZIP archive as PKWARE's APPNOTE.TXT 6.3.10 has it. Its length is known before anything is read: files are in deflate's stored blocks
// (method 8), 65,535 bytes each, so that whoever reads the archive from front to back finds the end of each although its checksum stands
// behind it. Names are bytes, and flagged as UTF-8 where they are; the extra fields UT and ux of Info-ZIP have the time in UTC, the user
// and the group. ZIP64 is used where something needs it. Links are files with the mode of a link, as Info-ZIP makes them, and each name
// of a file has its content. The central directory is made by going through the members once more: only checksums are kept.
const (
	zipMade      = 3<<8 | 45 // by Unix, version 4.5
	zipDeflated  = 8
	zipLater     = 1 << 3  // flag: checksum and sizes stand behind the content
	zipUTF8      = 1 << 11 // flag
	zipBlock     = math.MaxUint16
	blockHead    = 5
	zip64        = 0x0001
	maxZip       = math.MaxUint32
	maxZipCount  = math.MaxUint16
	zipDirectory = 0x10 // MS-DOS attribute
)

// le appends numbers of 16, 32 and 64 bits.
type le []byte

func (b le) n2(n uint64) le { return binary.LittleEndian.AppendUint16(b, uint16(n)) }
func (b le) n4(n uint64) le { return binary.LittleEndian.AppendUint32(b, uint32(n)) }
func (b le) n8(n uint64) le { return binary.LittleEndian.AppendUint64(b, n) }

// errZipName says that ZIP has no room for a name.
var errZipName = errors.New("the path is longer than the 65,535 bytes that ZIP has room for: take .tar.gz")

// zipEntry is a member as ZIP has it.
type zipEntry struct {
	name     string
	mode     uint32
	mtime    backup.Time
	uid, gid uint32
	data     []byte // of a link
	size     int64  // of a file whose content follows
}

func zipEntryOf(m *Member) (*zipEntry, error) {
	e := &m.Entry
	z := &zipEntry{name: m.Path, mode: e.Mode, mtime: e.MTime, uid: e.UID, gid: e.GID}
	switch e.Mode & backup.ModeType {
	case backup.ModeDir:
		z.name += "/"
	case backup.ModeSymlink:
		z.data = []byte(e.Target)
	default:
		z.size = e.Size
	}
	if len(z.name) > math.MaxUint16 {
		return nil, &ReadError{m.Origin, errZipName}
	}
	return z, nil
}

// packed is how many bytes of the archive the content takes.
func (z *zipEntry) packed() int64 {
	if z.size == 0 {
		return int64(len(z.data))
	}
	blocks := func(n int64) int64 { return (n + zipBlock - 1) / zipBlock }
	return z.size + blockHead*(z.size/chunk*blocks(chunk)+blocks(z.size%chunk)+1)
}

// large reports whether sizes need ZIP64.
func (z *zipEntry) large() bool { return z.packed() >= maxZip }

// whole is how many bytes of the archive the member takes, its checksum included.
func (z *zipEntry) whole() int64 {
	n := int64(len(z.local()))
	if z.size > 0 {
		n += z.packed() + int64(len(z.descriptor(0)))
	}
	return n
}

// common is what the two headers have in common, from the version on.
func (z *zipEntry) common(b le) le {
	version, flags, method := uint64(20), uint64(0), uint64(0)
	if utf8.ValidString(z.name) {
		flags |= zipUTF8
	}
	if z.size > 0 {
		flags, method = flags|zipLater, zipDeflated
	}
	if z.large() {
		version = 45
	}
	t := time.Unix(z.mtime.Sec, 0).UTC()
	year := min(max(t.Year(), 1980), 2107)
	date := (year-1980)<<9 | int(t.Month())<<5 | t.Day()
	clock := t.Hour()<<11 | t.Minute()<<5 | t.Second()/2
	return b.n2(version).n2(flags).n2(method).n2(uint64(clock)).n2(uint64(date))
}

// unix are the extra fields of Info-ZIP: the time, which has 32 bits, and the owners.
func (z *zipEntry) unix(b le) le {
	seconds := min(max(z.mtime.Sec, math.MinInt32), math.MaxInt32)
	b = append(b.n2(0x5455).n2(5), 1).n4(uint64(seconds))
	b = append(b.n2(0x7875).n2(11), 1, 4).n4(uint64(z.uid))
	return append(b, 4).n4(uint64(z.gid))
}

// local is what stands before the content of a file, or all of another member.
func (z *zipEntry) local() []byte {
	sum, size := crc32.ChecksumIEEE(z.data), uint64(len(z.data))
	var extra le
	if z.large() {
		size = maxZip
		extra = extra.n2(zip64).n2(16).n8(uint64(z.size)).n8(uint64(z.packed()))
	}
	extra = z.unix(extra)
	b := z.common(le{}.n4(0x04034b50)).n4(uint64(sum)).n4(size).n4(size).n2(uint64(len(z.name))).n2(uint64(len(extra)))
	b = append(b, z.name...)
	b = append(b, extra...)
	return append(b, z.data...)
}

// descriptor is what stands behind the content of a file.
func (z *zipEntry) descriptor(sum uint32) []byte {
	b := le{}.n4(0x08074b50).n4(uint64(sum))
	if z.large() {
		return b.n8(uint64(z.packed())).n8(uint64(z.size))
	}
	return b.n4(uint64(z.packed())).n4(uint64(z.size))
}

// central is its entry in the central directory. at is where it begins.
func (z *zipEntry) central(sum uint32, at int64) []byte {
	size, packed, offset := uint64(z.size)+uint64(len(z.data)), uint64(z.packed()), uint64(at)
	var extra le
	if z.large() || at >= maxZip {
		extra = extra.n2(zip64).n2(24).n8(size).n8(packed).n8(offset)
		size, packed, offset = maxZip, maxZip, maxZip
	}
	extra = z.unix(extra)
	attributes := uint64(z.mode) << 16
	if z.mode&backup.ModeType == backup.ModeDir {
		attributes |= zipDirectory
	}
	if z.size == 0 {
		sum = crc32.ChecksumIEEE(z.data)
	}
	b := z.common(le{}.n4(0x02014b50).n2(zipMade)).n4(uint64(sum)).n4(packed).n4(size).n2(uint64(len(z.name))).n2(uint64(len(extra)))
	b = b.n2(0).n2(0).n2(0).n4(attributes).n4(offset)
	b = append(b, z.name...)
	return append(b, extra...)
}

// zipper writes the members of a ZIP archive.
type zipper struct {
	w     io.Writer
	at    int64
	entry *zipEntry
	sum   uint32
	sums  []uint32 // of the files that have content, in order
	seen  uint64   // counts members, to find out whether all were the same the second time
}

var _ encoder = (*zipper)(nil)

func (z *zipper) write(p []byte) error {
	n, err := z.w.Write(p)
	z.at += int64(n)
	return err
}

// add implements encoder.
func (z *zipper) add(m *Member, _ string) (err error) {
	if m.Path == "" {
		return nil // the directory that everything lies in has no name
	}
	if z.entry, err = zipEntryOf(m); err != nil {
		return err
	}
	z.sum = 0
	z.seen++
	return z.write(z.entry.local())
}

// content implements encoder.
func (z *zipper) content(p []byte) error {
	z.sum = crc32.Update(z.sum, crc32.IEEETable, p)
	for len(p) > 0 {
		n := min(len(p), zipBlock)
		if err := z.write(le{0}.n2(uint64(n)).n2(^uint64(n))); err != nil {
			return err
		}
		if err := z.write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// end implements encoder.
func (z *zipper) end() error {
	z.sums = append(z.sums, z.sum)
	return z.write(append(le{1}.n2(0).n2(math.MaxUint16), z.entry.descriptor(z.sum)...))
}

// errOther says that the members are others than before.
var errOther = errors.New("what is to be written changed meanwhile")

func writeZip(ctx context.Context, w io.Writer, members Members, o Options) (Summary, error) {
	z := &zipper{w: w}
	s, err := run(ctx, members, o, z)
	if err != nil {
		return s, err
	}
	start, sums := z.at, z.sums
	at, count, err := zipWalk(ctx, members, func(e *zipEntry, at int64) error {
		var sum uint32
		if e.size > 0 {
			if len(sums) == 0 {
				return errOther
			}
			sum, sums = sums[0], sums[1:]
		}
		return z.write(e.central(sum, at))
	})
	if err == nil && (at != start || count != z.seen || len(sums) > 0) {
		err = errOther
	}
	if err != nil {
		return s, fmt.Errorf("central directory: %w", err)
	}
	return s, z.write(zipEnd(start, z.at-start, count))
}

// zipWalk tells where each member begins, how many there are, and where the last one ends.
func zipWalk(ctx context.Context, members Members, yield func(e *zipEntry, at int64) error) (at int64, count uint64, err error) {
	err = members(ctx, func(m *Member) error {
		if err := check(m); err != nil {
			return err
		}
		if m.Path == "" || !Zip.holds(m) {
			return ctx.Err()
		}
		e, err := zipEntryOf(m)
		if err != nil {
			return err
		}
		if err := yield(e, at); err != nil {
			return err
		}
		at += e.whole()
		count++
		return ctx.Err()
	})
	return at, count, err
}

// zipLength is how long a ZIP archive is.
func zipLength(ctx context.Context, members Members) (int64, error) {
	directory := int64(0)
	at, count, err := zipWalk(ctx, members, func(e *zipEntry, at int64) error {
		directory += int64(len(e.central(0, at)))
		return nil
	})
	return at + directory + int64(len(zipEnd(at, directory, count))), err
}

// zipEnd is what stands behind the central directory.
func zipEnd(at, size int64, count uint64) []byte {
	var b le
	short, offset, length := count, uint64(at), uint64(size)
	if count >= maxZipCount || at >= maxZip || size >= maxZip {
		b = b.n4(0x06064b50).n8(44).n2(zipMade).n2(45).n4(0).n4(0).n8(count).n8(count).n8(uint64(size)).n8(uint64(at))
		b = b.n4(0x07064b50).n4(0).n8(uint64(at + size)).n4(1)
		short, offset, length = maxZipCount, maxZip, maxZip
	}
	return b.n4(0x06054b50).n2(0).n2(0).n2(short).n2(short).n4(length).n4(offset).n2(0)
}
