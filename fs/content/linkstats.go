package content

import (
	"sync"
	"time"
)

const (
	// A read that took longer than slowRead halves read-ahead, one that took less than quickRead doubles it.
	slowRead, quickRead = 3 * time.Second, time.Second
	// anyRate is more than a destination brings, in bytes a second, and nearAhead what is read ahead at least of one that is near.
	anyRate, nearAhead = 2 << 30, 8 << 20
)

// linkStats estimates latency and bandwidth of a destination to bound read-ahead: on a slow link prefetched bytes delay the
// reads that somebody waits for.
type linkStats struct {
	mu sync.Mutex
	// mu guards what follows.
	most    int64     // bytes in flight; 0: maxAhead
	changed time.Time // reads that started before say nothing about most

	quickest time.Duration // round trip; 0: there was none
}

// ahead is how many prefetched bytes may be in flight.
func (l *linkStats) ahead() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most == 0 {
		return maxAhead
	}
	return l.most
}

// reach is how many bytes in flight fill the link at any plausible rate (bandwidth times delay). More would not come sooner
// from a near server, but would not fit into processor caches.
func (l *linkStats) reach() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quickest == 0 {
		return maxAhead
	}
	return min(max(int64(l.quickest.Seconds()*anyRate), nearAhead), maxAhead)
}

// took records the duration of a read.
func (l *linkStats) took(asked, came time.Time) {
	wait := came.Sub(asked)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most == 0 {
		l.most = maxAhead
	}
	if l.quickest == 0 || wait < l.quickest {
		l.quickest = max(wait, 1)
	}
	if asked.Before(l.changed) {
		return
	}
	switch {
	case wait > slowRead:
		l.most = max(int64(float64(l.most)*float64(slowRead)/2/float64(wait)), minAhead)
	case wait < quickRead && l.most < maxAhead:
		l.most = min(2*l.most, maxAhead)
	default:
		return
	}
	l.changed = came
}
