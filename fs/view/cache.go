package view

import (
	"container/list"
	"sync"
)

// shelfBytes is about how much memory the directories of snapshots may take.
const shelfBytes = 32 << 20

// viewCache keeps the views of the snapshots that were used last, and deduplicates concurrent builds of one view.
type viewCache struct {
	limit int64

	mu sync.Mutex
	// mu guards what follows.
	slots map[uint64]*cached // by serial
	order *list.List         // of serials, the last used in front
	cost  int64
}

type cached struct {
	rec   *shownSnapshot
	ready chan struct{} // closed when b and err are set
	b     *snapshotView
	err   error
	at    *list.Element
}

func newViewCache(limit int64) *viewCache {
	return &viewCache{limit: limit, slots: map[uint64]*cached{}, order: list.New()}
}

// get returns the directory of a snapshot, making it if need be. Errors are not kept.
func (s *viewCache) get(r *shownSnapshot, make func() (*snapshotView, error)) (*snapshotView, error) {
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
	sl = &cached{rec: r, ready: closable(), at: s.order.PushFront(r.Serial)}
	s.slots[r.Serial] = sl
	s.mu.Unlock()
	s.fill(sl, make)
	return sl.b, sl.err
}

func closable() chan struct{} { return make(chan struct{}) }

// fill builds, whatever happens: who waits must not wait for ever.
func (s *viewCache) fill(sl *cached, make func() (*snapshotView, error)) {
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
func (s *viewCache) shrink(keep *cached) {
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
func (s *viewCache) remove(sl *cached) {
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
func (s *viewCache) drop(serial uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl, ok := s.slots[serial]; ok {
		s.remove(sl)
	}
}
