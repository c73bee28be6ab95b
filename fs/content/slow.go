package content

import (
	"sync"
	"time"
)

const (
	// slowRead is how long a read may stand in line before less is read ahead, and quickRead is below what more is again.
	slowRead, quickRead = 3 * time.Second, time.Second
	// anyRate is more than a destination brings, in bytes a second, and nearAhead what is read ahead at least of one that is near.
	anyRate, nearAhead = 2 << 30, 8 << 20
)

// line is what is known of the line to a destination: what was read ahead over a slow one is in the way of everybody
// who wants something else, for as long as it takes to come.
type line struct {
	mu sync.Mutex
	// mu guards what follows.
	most    int64     // bytes to be on their way; 0: maxAhead
	changed time.Time // what was asked for before says nothing of most

	quickest time.Duration // that a read took; 0: there was none
}

// ahead tells how many bytes may be on their way that nobody waits for.
func (l *line) ahead() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most == 0 {
		return maxAhead
	}
	return l.most
}

// reach is how many bytes on their way are enough for the distance, at any rate that there may be. More would not come sooner
// from a server that is near, but pass through more memory than processors have at hand.
func (l *line) reach() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quickest == 0 {
		return maxAhead
	}
	return min(max(int64(l.quickest.Seconds()*anyRate), nearAhead), maxAhead)
}

// took notes how long a read was on its way.
func (l *line) took(asked, came time.Time) {
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
