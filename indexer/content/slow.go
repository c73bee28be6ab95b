package content

import (
	"sync"
	"time"
)

const (
	// slowRead is how long a read may stand in line before less is read ahead, and quickRead is below what more is again.
	slowRead, quickRead = 3 * time.Second, time.Second
)

// line is what is known of the line to a destination: what was read ahead over a slow one is in the way of everybody
// who wants something else, for as long as it takes to come.
type line struct {
	mu sync.Mutex
	// mu guards what follows.
	most    int64     // bytes to be on their way; 0: maxAhead
	changed time.Time // what was asked for before says nothing of most
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

// took notes how long a read was on its way.
func (l *line) took(asked, came time.Time) {
	wait := came.Sub(asked)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most == 0 {
		l.most = maxAhead
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
