package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

const (
	segmentHead  = 16
	recordHead   = 40
	maxBlock     = 4 << 20
	segmentMagic = "slotfsD1"
	recordMagic  = "blk1"
	suffix       = ".seg"
)

// errDamaged says that bytes are not those that were stored.
var errDamaged = errors.New("checksum does not match")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment is one file.
type segment struct {
	number uint64
	file   *os.File
	size   int64 // of the file; guarded by the cache's mu
	// keys are the records in their order; guarded by the cache's mu.
	keys []*record
}

// record is where a block is in its segment.
type record struct {
	key    Key
	off    uint32 // of the record
	length uint32 // of the block
	used   atomic.Bool
}

// position is where a block is.
type position struct {
	segment *segment
	record  *record
}

func lockPath(dir string) string { return filepath.Join(dir, "lock") }

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", number, suffix))
}

// segmentNumber is the number in the name of a segment.
func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil && fmt.Sprintf("%016x", n) == digits
}

func createSegment(dir string, number uint64) (*segment, error) {
	f, err := os.OpenFile(segmentPath(dir, number), os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	head := binary.LittleEndian.AppendUint64([]byte(segmentMagic), number)
	if _, err := f.WriteAt(head, 0); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return &segment{number: number, file: f, size: segmentHead}, nil
}

func openSegment(dir string, number uint64) (*segment, error) {
	f, err := os.OpenFile(segmentPath(dir, number), os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: no regular file", f.Name())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &segment{number: number, file: f, size: info.Size()}, nil
}

// note remembers that a block was read.
func (s *segment) note(r *record) {
	if !r.used.Load() {
		r.used.Store(true)
	}
}

// read reads a block and checks it.
func (s *segment) read(r *record, key Key) ([]byte, error) {
	buf := make([]byte, recordHead+int(r.length))
	if _, err := s.file.ReadAt(buf, int64(r.off)); err != nil {
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errDamaged // somebody cut the file off
		}
		return nil, err
	}
	h, ok := parseHead(buf, s.number)
	block := buf[recordHead:]
	if !ok || h.key != key || int(h.length) != len(block) || crc32.Checksum(block, castagnoli) != h.sum {
		return nil, fmt.Errorf("%s at %d: %w", filepath.Base(s.file.Name()), r.off, errDamaged)
	}
	return block, nil
}

// head is the header of a record.
type head struct {
	key    Key
	length uint32
	sum    uint32 // of the block
}

func appendHead(b []byte, key Key, number uint64, block []byte) []byte {
	start := len(b)
	b = append(b, recordMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(block)))
	b = append(b, key[:]...)
	b = binary.LittleEndian.AppendUint64(b, number)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(block, castagnoli))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// parseHead reads the header of a record of a segment; false if it is none.
func parseHead(b []byte, number uint64) (h head, ok bool) {
	if len(b) < recordHead || string(b[:4]) != recordMagic {
		return h, false
	}
	h.length = binary.LittleEndian.Uint32(b[4:])
	copy(h.key[:], b[8:])
	h.sum = binary.LittleEndian.Uint32(b[32:])
	sound := binary.LittleEndian.Uint32(b[36:]) == crc32.Checksum(b[:36], castagnoli)
	return h, sound && binary.LittleEndian.Uint64(b[24:]) == number && h.length > 0 && h.length <= maxBlock
}

// scanWindow is how much is read at once while headers are looked for: of large blocks little more than the header is
// read, of small ones many.
const scanWindow = 4 << 10

// scanSegment reads the headers of a segment of size bytes and gives each record to found until that returns
// false. It returns where the last record ends; 0 if the file is no segment.
func scanSegment(f io.ReaderAt, number uint64, size int64, found func(h head, off int64) bool) (end int64, err error) {
	window := make([]byte, scanWindow)
	var start, length int64 // of what is in the window
	at := func(off, n int64) ([]byte, error) {
		if off < start || off+n > start+length {
			got, err := f.ReadAt(window[:min(scanWindow, size-off)], off)
			if err != nil && err != io.EOF {
				return nil, err
			}
			start, length = off, int64(got)
		}
		if off+n > start+length {
			return nil, nil
		}
		return window[off-start : off-start+n], nil
	}
	if size < segmentHead {
		return 0, nil
	}
	b, err := at(0, segmentHead)
	if err != nil || b == nil || string(b[:8]) != segmentMagic || binary.LittleEndian.Uint64(b[8:]) != number {
		return 0, err
	}
	off := int64(segmentHead)
	for off+recordHead < size {
		b, err := at(off, recordHead)
		if err != nil {
			return off, err
		}
		h, ok := parseHead(b, number)
		if !ok || off+recordHead+int64(h.length) > size || !found(h, off) {
			break
		}
		off += recordHead + int64(h.length)
	}
	return off, nil
}
