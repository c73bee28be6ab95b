package index

import (
	"encoding/binary"
	"sync"
	"time"

	"slotfs/indexer/backup"
)

// passLimit is how long a pass over one source may stay silent and still be taken for alive.
const passLimit = 24 * time.Hour

// unreferencedNodes remembers the nodes that a sweep must keep although nothing refers to them yet: those put while a pass
// is between NextSerial and its record, and those put while a sweep runs. It may remember a node too many,
// which costs room until the next sweep, but never one too few.
type unreferencedNodes struct {
	mu sync.Mutex
	// mu guards what follows.
	passes   map[uint64]time.Time // serials of running passes, and when they were last heard of
	sweeping bool
	filters  []*filter
}

// begin starts to remember for the pass that got serial.
func (y *unreferencedNodes) begin(serial uint64, now time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.passes == nil {
		y.passes = map[uint64]time.Time{}
	}
	y.passes[serial] = now
}

// touch says that the pass with serial is alive, if it is known.
func (y *unreferencedNodes) touch(serial uint64, now time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if _, ok := y.passes[serial]; ok {
		y.passes[serial] = now
	}
}

// end says that the pass with serial needs nothing kept any more.
func (y *unreferencedNodes) end(serial uint64) {
	y.mu.Lock()
	defer y.mu.Unlock()
	delete(y.passes, serial)
	y.settle()
}

// sweep starts (or ends) remembering for a sweep, and forgets passes that were not heard of for too long.
func (y *unreferencedNodes) sweep(on bool, now time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.sweeping = on
	for serial, heard := range y.passes {
		if now.Sub(heard) > passLimit {
			delete(y.passes, serial)
		}
	}
	if len(y.passes) == 0 {
		y.filters = nil
	}
}

// settle forgets everything when nobody needs it.
func (y *unreferencedNodes) settle() {
	if len(y.passes) == 0 && !y.sweeping {
		y.filters = nil
	}
}

func (y *unreferencedNodes) add(h backup.Hash) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.passes) == 0 && !y.sweeping {
		return
	}
	if n := len(y.filters); n == 0 || y.filters[n-1].count >= filterLimit {
		y.filters = append(y.filters, new(filter))
	}
	y.filters[len(y.filters)-1].add(h)
}

func (y *unreferencedNodes) has(h backup.Hash) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, f := range y.filters {
		if f.has(h) {
			return true
		}
	}
	return false
}

// filter is a Bloom filter of 1 MiB: with five bits of 2^23 for each of 500,000 nodes it is wrong once in 1000.
type filter struct {
	words [1 << 17]uint64
	count int
}

const filterLimit = 500_000

// bit is the i-th bit of h: hashes are as good as random.
func (f *filter) bit(h backup.Hash, i int) (word *uint64, mask uint64) {
	n := binary.LittleEndian.Uint32(h[4*i:]) % (1 << 23)
	return &f.words[n/64], 1 << (n % 64)
}

func (f *filter) add(h backup.Hash) {
	for i := range len(h) / 4 {
		word, mask := f.bit(h, i)
		*word |= mask
	}
	f.count++
}

func (f *filter) has(h backup.Hash) bool {
	for i := range len(h) / 4 {
		if word, mask := f.bit(h, i); *word&mask == 0 {
			return false
		}
	}
	return true
}
