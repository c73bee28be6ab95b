package tree

import (
	"cmp"
	"context"
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"slices"
	"sort"

	"slotfs/indexer/backup"
)

// maxBucket is how many names a bucket has on average at most.
const maxBucket = 1024

// bucket tells in which page of a directory a name is, if it is there at all: names are known by 16
// bits of their hash, so that one in about a hundred look-ups reads one page too many.
type bucket struct {
	places []place // sorted
}

// place is one name.
type place struct {
	low  uint16 // the 16 bits of its hash that come after those that chose the bucket
	page uint32
}

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.page, b.page))
}

func (b *bucket) bytes() int64 { return pageBytes + 8*int64(len(b.places)) }

// bucketBits is the logarithm of how many buckets a directory of n entries has.
func bucketBits(n int) uint {
	return uint(bits.Len(uint((n - 1) / maxBucket)))
}

// bucketOf cuts a name's hash into the number of its bucket and the bits that tell it apart there.
func (x *indexNode) bucketOf(hash uint64) (number uint64, low uint16) {
	return hash >> (64 - x.bits), uint16(hash << x.bits >> 48)
}

// writeBuckets makes the buckets of a directory. hashes are those of all names, in order.
func (x *indexNode) writeBuckets(ctx context.Context, store Putter, hashes []uint64) error {
	x.bits = bucketBits(x.n)
	x.buckets = make([]backup.Hash, 1<<x.bits)
	sizes := make([]int, len(x.buckets)+1)
	for _, h := range hashes {
		number, _ := x.bucketOf(h)
		sizes[number+1]++
	}
	for i := 1; i < len(sizes); i++ {
		sizes[i] += sizes[i-1]
	}
	all := make([]place, len(hashes))
	next := slices.Clone(sizes)
	for p := range x.pages {
		ref := &x.pages[p]
		for _, h := range hashes[ref.first : ref.first+ref.n] {
			number, low := x.bucketOf(h)
			all[next[number]] = place{low: low, page: uint32(p)}
			next[number]++
		}
	}
	for i := range x.buckets {
		if err := x.writeBucket(ctx, store, i, all[sizes[i]:sizes[i+1]]); err != nil {
			return err
		}
	}
	return nil
}

// writeSortedBuckets is writeBuckets for the places of all names, in order.
func (x *indexNode) writeSortedBuckets(ctx context.Context, store Putter, all iter.Seq[uint64]) error {
	x.bits = bucketBits(x.n)
	x.buckets = make([]backup.Hash, 1<<x.bits)
	var some []place
	last := uint64(0)
	for v := range all {
		number, low := x.bucketOf(v)
		if number != last {
			if err := x.writeBucket(ctx, store, int(last), some); err != nil {
				return err
			}
			some, last = some[:0], number
		}
		some = append(some, place{low: low, page: uint32(pageOfEntry(v))})
	}
	return x.writeBucket(ctx, store, int(last), some)
}

// writeBucket writes one bucket, unless it is empty.
func (x *indexNode) writeBucket(ctx context.Context, store Putter, number int, names []place) (err error) {
	if len(names) == 0 {
		return nil
	}
	slices.SortFunc(names, comparePlaces)
	b := bucket{places: names}
	x.buckets[number], err = put(ctx, store, b.encode())
	return err
}

func (b *bucket) encode() []byte {
	out := append(make([]byte, 0, 16+4*len(b.places)), version, kindBucket)
	out = binary.AppendUvarint(out, uint64(len(b.places)))
	last := uint16(0)
	for _, p := range b.places {
		out = binary.AppendUvarint(out, uint64(p.low-last))
		last = p.low
	}
	for _, p := range b.places {
		out = binary.AppendUvarint(out, uint64(p.page))
	}
	return out
}

// decodeBucket is the reverse of encode.
func decodeBucket(data []byte) (*bucket, error) {
	w, ok := openNode(data, kindBucket)
	if !ok {
		return nil, damaged("not a bucket")
	}
	n := w.uvarint()
	if n == 0 || n > uint64(len(w.rest))/2 {
		return nil, damaged("bucket of an impossible length")
	}
	b := &bucket{places: make([]place, n)}
	last := uint64(0)
	for i := range b.places {
		last += w.bounded(math.MaxUint16)
		if last > math.MaxUint16 {
			w.fail()
		}
		b.places[i].low = uint16(last)
	}
	for i := range b.places {
		b.places[i].page = uint32(w.bounded(math.MaxUint32))
	}
	if !w.end() || !slices.IsSortedFunc(b.places, comparePlaces) {
		return nil, damaged("bucket ends early, late or out of order")
	}
	return b, nil
}

// pages lists the pages that may have the name, without repeating one.
func (b *bucket) pages(low uint16) []uint32 {
	i := sort.Search(len(b.places), func(i int) bool { return b.places[i].low >= low })
	var found []uint32
	for ; i < len(b.places) && b.places[i].low == low; i++ {
		if p := b.places[i].page; len(found) == 0 || found[len(found)-1] != p {
			found = append(found, p)
		}
	}
	return found
}
