package tree

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"

	"slotfs/indexer/backup"
)

// indexNode is the node of a directory that has several pages.
type indexNode struct {
	pages    []pageRef
	bits     uint          // a name's bucket is made of that many of its hash's upper bits
	buckets  []backup.Hash // 1<<bits; zero where a bucket is empty
	n        int           // entries in the directory
	count    uint64        // and below it
	dirCount uint32
}

// pageRef is a page as the index node knows it.
type pageRef struct {
	hash     backup.Hash
	n        int    // entries in the page
	count    uint64 // and below them, themselves included
	dirCount uint32
	base     int64 // where the page begins, from the start of the directory

	first  int    // which entry of the directory its first one is
	before uint64 // entries in pages that come earlier, and below them
}

func (x *indexNode) add(p pageRef) {
	p.first, p.before = x.n, x.count
	x.pages = append(x.pages, p)
	x.n += p.n
	x.count += p.count
	x.dirCount += p.dirCount
}

func (x *indexNode) bytes() int64 {
	return pageBytes + 72*int64(len(x.pages)) + 20*int64(len(x.buckets))
}

// pageOf is the page that has entry number i of the directory.
func (x *indexNode) pageOf(i int) int {
	return sort.Search(len(x.pages), func(p int) bool { return x.pages[p].first > i }) - 1
}

// pageAt is the page that has, or has below it, what is number rel in the directory, its first
// entry being 0.
func (x *indexNode) pageAt(rel uint64) int {
	return sort.Search(len(x.pages), func(p int) bool { return x.pages[p].before > rel }) - 1
}

// bare reports whether x has no buckets, because its directory is not finished.
func (x *indexNode) bare() bool {
	return !slices.ContainsFunc(x.buckets, func(h backup.Hash) bool { return !h.IsZero() })
}

func (x *indexNode) encode() []byte {
	flags := byte(0)
	for i := range x.pages {
		if x.pages[i].base != 0 {
			flags = hasOffsets
		}
	}
	out := make([]byte, 0, 32+28*len(x.pages)+20*len(x.buckets))
	out = append(out, version, kindIndex, flags)
	out = binary.AppendUvarint(out, uint64(len(x.pages)))
	for i := range x.pages {
		p := &x.pages[i]
		out = append(out, p.hash[:]...)
		out = binary.AppendUvarint(out, uint64(p.n))
		out = binary.AppendUvarint(out, p.count-uint64(p.n))
		out = binary.AppendUvarint(out, uint64(p.dirCount))
	}
	if flags&hasOffsets != 0 {
		last := int64(0)
		for i := range x.pages {
			out = appendDistance(out, x.pages[i].base-last)
			last = x.pages[i].base
		}
	}
	out = append(out, byte(x.bits))
	for i := range x.buckets {
		out = append(out, x.buckets[i][:]...)
	}
	return out
}

// decodeIndex is the reverse of encode.
func decodeIndex(data []byte) (*indexNode, error) {
	w, ok := openNode(data, kindIndex)
	if !ok {
		return nil, damaged("not an index")
	}
	flags := w.byte()
	n := w.uvarint()
	if flags > hasOffsets || n < 2 || n > uint64(len(w.rest))/pageRefBytes {
		return nil, damaged("index of an impossible length")
	}
	x := &indexNode{pages: make([]pageRef, 0, n)}
	for range n {
		x.readPage(&w)
	}
	if flags&hasOffsets != 0 {
		x.readBases(&w)
	}
	if w.bad || x.n > math.MaxInt32 || x.count > maxCount {
		return nil, damaged("index ends early or out of range")
	}
	x.bits = uint(w.byte())
	if w.bad || x.bits != bucketBits(x.n) || len(w.rest) != len(backup.Hash{})<<x.bits {
		return nil, damaged("index with buckets that do not fit it")
	}
	x.buckets = make([]backup.Hash, 1<<x.bits)
	for i := range x.buckets {
		x.buckets[i] = w.hash()
	}
	return x, nil
}

// pageRefBytes is how many bytes a page takes in an index node at least.
const pageRefBytes = 23

func (x *indexNode) readPage(w *wire) {
	p := pageRef{hash: w.hash(), n: int(w.bounded(maxPage))}
	below := w.bounded(maxCount)
	p.count = uint64(p.n) + below
	p.dirCount = uint32(w.bounded(uint64(p.n)))
	if p.n == 0 || p.hash.IsZero() || x.count+p.count > maxCount {
		w.fail()
		return
	}
	x.add(p)
}

func (x *indexNode) readBases(w *wire) {
	last, some := int64(0), false
	for i := range x.pages {
		last += w.distance()
		if last > 4*maxPosition || last < -4*maxPosition {
			w.fail()
		}
		if w.bad {
			return
		}
		x.pages[i].base = last
		some = some || last != 0
	}
	if !some {
		w.fail()
	}
}
