package tree

import "hash/maphash"

// fewNames is how many names are compared one by one.
const fewNames = 8

// nameTable finds names among records. It keeps numbers of records only, with open addressing,
// which is a quarter of what a map of strings takes.
type nameTable struct {
	seed  maphash.Seed
	slots []int32 // number of a record plus 1, or 0; the length is a power of two
	used  int
}

func newNameTable() nameTable { return nameTable{seed: maphash.MakeSeed()} }

// find returns the number of the record that has the name, or -1. Records without a name are no
// longer there.
func (t *nameTable) find(recs []record, name string) int {
	if t.slots == nil {
		for i := len(recs) - 1; i >= 0; i-- {
			if recs[i].name == name {
				return i
			}
		}
		return -1
	}
	mask := uint64(len(t.slots) - 1)
	for at := maphash.String(t.seed, name) & mask; t.slots[at] != 0; at = (at + 1) & mask {
		if i := int(t.slots[at] - 1); recs[i].name == name {
			return i
		}
	}
	return -1
}

// add makes the last record known. Its name must not be known yet, other than by a record that lost
// its name.
func (t *nameTable) add(recs []record) {
	if t.slots == nil && len(recs) <= fewNames {
		return
	}
	if t.slots == nil || t.used*3 >= len(t.slots)*2 {
		t.rebuild(recs)
		return
	}
	t.insert(recs, len(recs)-1)
}

func (t *nameTable) insert(recs []record, i int) {
	mask := uint64(len(t.slots) - 1)
	at := maphash.String(t.seed, recs[i].name) & mask
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.slots[at] = int32(i + 1)
	t.used++
}

// rebuild makes the table anew for recs.
func (t *nameTable) rebuild(recs []record) {
	t.slots, t.used = nil, 0
	if len(recs) <= fewNames {
		return
	}
	size := 32
	for size*2 < len(recs)*5 {
		size *= 2
	}
	t.slots = make([]int32, size)
	for i := range recs {
		if recs[i].name != "" {
			t.insert(recs, i)
		}
	}
}
