package scrub

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"
)

// sum is the beginning of the SHA-256 of a piece.
type sum [16]byte

// sums compares the pieces of one snapshot, which come in ascending order, with what an earlier reading noted, and notes what none
// has. It has one chunk of the stored ones in memory, and one of those to be stored.
//
// A chunk is a byte that is 1, and for each piece the distance from the one before (uvarint; that of the first one from the
// number that the chunk is stored under) and the sum.
type sums struct {
	store  Sums
	serial uint64

	known        []piece
	from, before uint64 // known is all there is of the pieces from one up to the other, if loaded
	loaded       bool
	fresh        []byte
	first, last  uint64 // of fresh
	count        int
}

// piece is a piece with its sum.
type piece struct {
	number uint64
	sum    sum
}

const (
	sumsVersion = 1
	// sumsInChunk is how many pieces a chunk has at most.
	sumsInChunk = 2048
)

var errSums = errors.New("damaged checksums")

// compare compares a piece with what was noted of it; known is false if that was nothing, and it was noted now.
func (c *sums) compare(ctx context.Context, number uint64, s sum) (known, same bool, err error) {
	if err := c.load(ctx, number); err != nil {
		return false, false, err
	}
	i := sort.Search(len(c.known), func(i int) bool { return c.known[i].number >= number })
	if i < len(c.known) && c.known[i].number == number {
		return true, c.known[i].sum == s, nil
	}
	return false, false, c.note(ctx, number, s)
}

// load has the chunk at hand that would have a piece.
func (c *sums) load(ctx context.Context, number uint64) error {
	if c.loaded && number >= c.from && number < c.before {
		return nil
	}
	first, data, next, err := c.store.Sums(ctx, c.serial, number)
	if err != nil {
		return err
	}
	c.known, c.from, c.before, c.loaded = nil, number, next, true
	if next == 0 {
		c.before = math.MaxUint64
	}
	if data == nil {
		return nil
	}
	if c.known, err = decodeSums(first, data); err != nil {
		return fmt.Errorf("checksums of %d from %d on: %w", c.serial, first, err)
	}
	return nil
}

func decodeSums(at uint64, data []byte) (all []piece, err error) {
	if len(data) == 0 || data[0] != sumsVersion {
		return nil, errSums
	}
	for data = data[1:]; len(data) > 0; {
		step, n := binary.Uvarint(data)
		if n <= 0 || len(data)-n < len(sum{}) || len(all) > 0 && step == 0 {
			return nil, errSums
		}
		at += step
		all = append(all, piece{at, sum(data[n : n+len(sum{})])})
		data = data[n+len(sum{}):]
	}
	return all, nil
}

// note adds a piece to the chunk that is to be stored.
func (c *sums) note(ctx context.Context, number uint64, s sum) error {
	if c.count == 0 {
		c.fresh, c.first, c.last = append(c.fresh[:0], sumsVersion), number, number
	}
	c.fresh = append(binary.AppendUvarint(c.fresh, number-c.last), s[:]...)
	c.last = number
	c.count++
	if c.count == sumsInChunk {
		return c.flush(ctx)
	}
	return nil
}

// flush stores what was noted.
func (c *sums) flush(ctx context.Context) error {
	if c.count == 0 {
		return nil
	}
	c.count = 0
	return c.store.PutSums(ctx, c.serial, c.first, c.fresh)
}
