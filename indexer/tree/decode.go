package tree

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"

	"slotfs/indexer/backup"
)

// page is a decoded page.
type page struct {
	recs []record
	dirs []dirMark
	// below is the number of entries in the directories of this page.
	below uint64
	// directories is how many of them the link count of the directory includes.
	dirCount uint32
	memory   int64
}

// dirMark says where in a page a directory stands.
type dirMark struct {
	at     int32
	before uint64 // entries in the directories of this page that come earlier
}

// count is the number of entries in the page and below it.
func (p *page) count() uint64 { return uint64(len(p.recs)) + p.below }

// bytes is about what p takes in memory.
func (p *page) bytes() int64 { return p.memory }

func damaged(what string) error { return fmt.Errorf("%w: %s", ErrDamaged, what) }

// decodePage is the reverse of encodePage with offsets from 0. Whatever it accepts encodes to the
// same bytes.
func decodePage(data []byte) (*page, error) {
	w, ok := openNode(data, kindPage)
	if !ok {
		return nil, damaged("not a page")
	}
	n := w.bounded(maxPage)
	if n == 0 || n > uint64(len(w.rest)) {
		return nil, damaged("page of an impossible length")
	}
	flags := w.byte()
	if flags > hasOffsets {
		return nil, damaged("page with unknown flags")
	}
	p := &page{recs: make([]record, n)}
	if err := p.readNames(&w); err != nil {
		return nil, err
	}
	has := p.readKinds(&w)
	p.readNumbers(&w, has)
	p.readSums(&w, has)
	p.readExtras(&w, has)
	if flags&hasOffsets != 0 {
		p.readOffsets(&w)
	}
	if !w.end() {
		return nil, damaged("page ends early, late or out of range")
	}
	return p, nil
}

// readNames makes all names parts of one string.
func (p *page) readNames(w *wire) error {
	lengths := *w
	total := uint64(0)
	for range p.recs {
		total += w.bounded(maxName)
	}
	block := w.take(total)
	if w.bad {
		return damaged("page with names cut short")
	}
	if bytes.IndexByte(block, '/') >= 0 {
		return damaged("page with a name that has a slash")
	}
	names := string(block)
	for i := range p.recs {
		n := lengths.uvarint()
		name := names[:n]
		if n <= 2 && (name == "" || name == "." || name == "..") {
			return damaged("page with a name that no file can have")
		}
		p.recs[i].name, names = name, names[n:]
	}
	p.memory = int64(len(p.recs))*recordBytes + int64(total) + pageBytes
	return nil
}

// About what a record and a page take in memory besides the names, in bytes.
const (
	recordBytes = 88
	pageBytes   = 192
	extraBytes  = 144
	markBytes   = 16
)

// readKinds returns for each entry the columns that it has values in.
func (p *page) readKinds(w *wire) []uint32 {
	n := w.bounded(uint64(len(p.recs)))
	kinds := make([]kind, n)
	for i := range kinds {
		k := kind{mode: uint32(w.bounded(math.MaxUint32)), uid: uint32(w.bounded(math.MaxUint32)),
			gid: uint32(w.bounded(math.MaxUint32)), has: uint32(w.bounded(allKinds))}
		if !k.possible() || contains(kinds[:i], k) {
			w.fail()
		}
		kinds[i] = k
	}
	has := make([]uint32, len(p.recs))
	used := uint64(0)
	for i := range p.recs {
		place := w.uvarint()
		if place > used || place >= n {
			w.fail()
			return has
		}
		if place == used {
			used++
		}
		k := &kinds[place]
		r := &p.recs[i]
		r.mode, r.uid, r.gid, r.nlink = k.mode, k.uid, k.gid, 1
		has[i] = k.has
	}
	if used != n {
		w.fail()
	}
	return has
}

func contains(kinds []kind, k kind) bool {
	for i := range kinds {
		if kinds[i] == k {
			return true
		}
	}
	return false
}

// possible reports whether entries of that mode can have those columns.
func (k *kind) possible() bool {
	if k.mode&backup.ModeType == backup.ModeDir {
		return k.has&(hasNlink|hasLink|hasTarget|hasRdev|hasSparse|hasSums) == 0 && k.has&(isEmpty|attributed) != isEmpty|attributed
	}
	return k.has&(isEmpty|unsettled|attributed) == 0 && (k.has&hasSums == 0 || k.mode&backup.ModeType == backup.ModeRegular)
}

// readNumbers reads sizes and modification times.
func (p *page) readNumbers(w *wire, has []uint32) {
	for i := range p.recs {
		if !p.recs[i].isDir() {
			p.recs[i].size = int64(w.bounded(math.MaxInt64))
		}
	}
	last := int64(0)
	for i := range p.recs {
		last += w.signed()
		t := last * 1e9
		if last < minSeconds || last > maxSeconds {
			w.fail()
		}
		p.recs[i].mtime = t
	}
	for i := range p.recs {
		if has[i]&hasNanos != 0 {
			p.addNanos(&p.recs[i], w)
		}
	}
}

// The seconds that times in nanoseconds can be in.
const (
	minSeconds = math.MinInt64/1_000_000_000 - 1
	maxSeconds = math.MaxInt64 / 1_000_000_000
)

// addNanos relies on sums that wrap around: at the two ends of the range only some nanoseconds exist.
func (p *page) addNanos(r *record, w *wire) {
	nanos := int64(w.bounded(999_999_999))
	seconds := r.mtime
	r.mtime += nanos
	if _, back := splitTime(r.mtime); nanos == 0 || back != nanos || r.mtime-nanos != seconds {
		w.fail()
	}
}

func (p *page) readSums(w *wire, has []uint32) {
	for i := range p.recs {
		if has[i]&hasSums == 0 {
			continue
		}
		r := &p.recs[i]
		length := uint64(sha256.Size)
		if blocks := backup.Blocks(r.size); blocks > 0 {
			switch w.byte() {
			case 0:
			case 1:
				length += 4 * uint64(blocks)
			default:
				w.fail()
			}
		}
		r.sums = backup.Checksums(w.take(length))
		p.memory += int64(length)
	}
}

func (p *page) readOffsets(w *wire) {
	var g guess
	some := false
	for i := range p.recs {
		r := &p.recs[i]
		r.offset = g.offset(r) + w.distance()
		if r.offset > 4*maxPosition || r.offset < -4*maxPosition {
			w.fail()
		}
		if w.bad {
			return
		}
		some = some || r.offset != 0
		g.pass(r, r.offset)
	}
	if !some {
		w.fail()
	}
}
