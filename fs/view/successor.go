package view

import (
	"sync"

	"slotfs/indexer/backup"
)

// successors knows which snapshots were replaced by identical ones: read again, with another serial. Those who work with the old one
// can go on with the new one.
type successors struct {
	mu sync.Mutex
	// mu guards what follows.
	serials map[uint64]uint64 // of the old one: that of the new one; at most maxSuccessors
}

// maxSuccessors bounds how many replaced snapshots are remembered.
const maxSuccessors = 1 << 16

// note remembers what an update replaced by something identical.
func (s *successors) note(old, next *table) {
	type place struct{ destination, key string }
	var replaced map[place]*backup.Snapshot
	for serial, before := range old.snapshots {
		if next.snapshots[serial] == nil {
			if replaced == nil {
				replaced = map[place]*backup.Snapshot{}
			}
			replaced[place{before.Destination, before.Key()}] = before.Snapshot
		}
	}
	if replaced == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serials == nil || len(s.serials)+len(replaced) > maxSuccessors {
		s.serials = map[uint64]uint64{}
	}
	for serial, after := range next.snapshots {
		before := replaced[place{after.Destination, after.Key()}]
		if before != nil && before.Kind == after.Kind && before.Root.Child == after.Root.Child {
			s.serials[before.Serial] = serial
		}
	}
}

// of follows replacements to the last one.
func (s *successors) of(serial uint64) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, ok := s.serials[serial]
	for more := ok; more; {
		var after uint64
		after, more = s.serials[next]
		if more {
			next = after
		}
	}
	return next, ok
}

// Current is the id under which what had an id is shown: another one where an identical snapshot took the place of its snapshot.
func (v *View) Current(id uint64) uint64 {
	if isTop(id) {
		return id
	}
	serial, view, number := split(id)
	if v.table.Load().snapshots[serial] != nil {
		return id
	}
	next, ok := v.successor.of(serial)
	if !ok {
		return id
	}
	return nodeID(next, view, number)
}
