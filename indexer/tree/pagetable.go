package tree

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// A name's place says in which page of a directory it is: the upper 40 bits of its hash, then 24 bits with the number of the
// page plus 1; 0 there: the name is in none any more. Sorted, places are in the order of buckets.
const pageBits = 24

func gone(v uint64) bool { return v&(1<<pageBits-1) == 0 }

func pageEntry(hash uint64, page int) uint64 { return hash>>pageBits<<pageBits | uint64(page+1) }

func pageOfEntry(v uint64) int { return int(v&(1<<pageBits-1)) - 1 }

// pageTable finds the pages of the names of a directory that is too large to be kept in memory. It takes 8 to 19 bytes for a name.
type pageTable struct {
	mix    uint64  // odd and random: nobody can choose names that collide
	shards []shard // one, or from fewPlaces on 256, by the upper 8 bits of the hash, which grow one by one
	shift  uint    // what is left of a hash is the number of its shard
	slots  int     // of all shards
}

// fewPlaces is how many are kept in one table.
const fewPlaces = 1 << 15

// shard is an open-addressing table.
type shard struct {
	slots []uint64 // 0 where there is none; the length is a power of two
	used  int
}

func newPageTable() *pageTable {
	return &pageTable{mix: rand.Uint64() | 1, shards: make([]shard, 1), shift: 64}
}

// memory is how many bytes p takes.
func (p *pageTable) memory() int64 { return int64(len(p.shards))*32 + 8*int64(p.slots) }

// start is where in a shard of that many slots the search for a place begins.
func (p *pageTable) start(v uint64, slots int) int {
	return int((v >> pageBits * p.mix) >> 32 & uint64(slots-1))
}

// add notes a place.
func (p *pageTable) add(v uint64) {
	if len(p.shards) == 1 && p.shards[0].used == fewPlaces {
		p.split()
	}
	s := &p.shards[v>>p.shift]
	if (s.used+1)*8 > len(s.slots)*7 {
		old := s.slots
		s.slots, s.used = make([]uint64, max(8, 2*len(old))), 0
		p.slots += len(s.slots) - len(old)
		for _, w := range old {
			if !gone(w) {
				p.insert(s, w)
			}
		}
	}
	p.insert(s, v)
}

// split makes many tables of one.
func (p *pageTable) split() {
	old := p.shards[0].slots
	p.shards, p.shift, p.slots = make([]shard, 256), 56, 0
	for _, v := range old {
		if !gone(v) {
			p.add(v)
		}
	}
}

func (p *pageTable) insert(s *shard, v uint64) {
	at := p.start(v, len(s.slots))
	for s.slots[at] != 0 {
		at = (at + 1) & (len(s.slots) - 1)
	}
	s.slots[at] = v
	s.used++
}

// pages yields the numbers of the pages that may have a name with that hash.
func (p *pageTable) pages(hash uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		s := &p.shards[hash>>p.shift]
		if s.used == 0 {
			return
		}
		for at := p.start(hash, len(s.slots)); s.slots[at] != 0; at = (at + 1) & (len(s.slots) - 1) {
			if v := s.slots[at]; v>>pageBits == hash>>pageBits && !gone(v) && !yield(pageOfEntry(v)) {
				return
			}
		}
	}
}

// renumber gives pages other numbers; -1: their names are gone.
func (p *pageTable) renumber(numbers []int) {
	for i := range p.shards {
		slots := p.shards[i].slots
		for at, v := range slots {
			if !gone(v) {
				slots[at] = pageEntry(v, numbers[pageOfEntry(v)])
			}
		}
	}
}

// sorted yields all places in order.
func (p *pageTable) sorted() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		var some []uint64
		for i := range p.shards {
			some = some[:0]
			for _, v := range p.shards[i].slots {
				if !gone(v) {
					some = append(some, v)
				}
			}
			slices.Sort(some)
			for _, v := range some {
				if !yield(v) {
					return
				}
			}
		}
	}
}
