package view

import (
	"container/list"
	"sync"
)

// shelfBytes is about how much memory the folders of snapshots may take.
const shelfBytes = 32 << 20

// shelf keeps the folders of the snapshots that were used last, and lets several who need the same one
// wait for one build.
type shelf struct {
	limit int64

	mu sync.Mutex
	// mu guards what follows.
	slots map[uint64]*slot // by serial
	order *list.List       // of serials, the last used in front
	cost  int64
}

type slot struct {
	rec   *record
	ready chan struct{} // closed when b and err are set
	b     *built
	err   error
	at    *list.Element
}

func newShelf(limit int64) *shelf {
	return &shelf{limit: limit, slots: map[uint64]*slot{}, order: list.New()}
}

// get returns the folder of a snapshot, making it if need be. Errors are not kept.
func (s *shelf) get(r *record, make func() (*built, error)) (*built, error) {
	s.mu.Lock()
	sl, ok := s.slots[r.Serial]
	if ok && sl.rec == r {
		s.order.MoveToFront(sl.at)
		s.mu.Unlock()
		<-sl.ready
		return sl.b, sl.err
	}
	if ok {
		s.remove(sl)
	}
	sl = &slot{rec: r, ready: closable(), at: s.order.PushFront(r.Serial)}
	s.slots[r.Serial] = sl
	s.mu.Unlock()
	s.fill(sl, make)
	return sl.b, sl.err
}

func closable() chan struct{} { return make(chan struct{}) }

// fill builds, whatever happens: who waits must not wait for ever.
func (s *shelf) fill(sl *slot, make func() (*built, error)) {
	sl.err = errBuild
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if sl.err != nil {
			s.remove(sl)
		} else if s.slots[sl.rec.Serial] == sl {
			s.cost += sl.b.cost
			s.shrink(sl)
		}
		close(sl.ready)
	}()
	sl.b, sl.err = make()
}

// shrink forgets what was not used for longest. The caller holds mu.
func (s *shelf) shrink(keep *slot) {
	for s.cost > s.limit {
		oldest := s.order.Back()
		sl := s.slots[oldest.Value.(uint64)]
		if sl == keep {
			return
		}
		s.remove(sl)
	}
}

// remove forgets a slot if it is still there. The caller holds mu.
func (s *shelf) remove(sl *slot) {
	if s.slots[sl.rec.Serial] != sl {
		return
	}
	delete(s.slots, sl.rec.Serial)
	s.order.Remove(sl.at)
	select {
	case <-sl.ready:
		s.cost -= sl.b.cost
	default:
	}
}

// drop forgets a snapshot.
func (s *shelf) drop(serial uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl, ok := s.slots[serial]; ok {
		s.remove(sl)
	}
}
