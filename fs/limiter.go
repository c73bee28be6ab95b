package fs

import (
	"container/list"
	"errors"
	"sync"
	"time"
)

// errSilent says that a destination did not answer any of the reads that wait for it.
var errSilent = errors.New("destination does not answer")

// The kernel allows the whole mount maxBackground reads ahead at a time. Those of a destination that went silent would
// take them all until their deadline, and the other destinations would have none.
const (
	// silentReads is how many reads may wait for a destination that is silent.
	silentReads = maxBackground / 4
	// patience is how long a destination may take to answer any of its reads before it counts as silent.
	patience = 10 * time.Second
	// sameWaitWindow is how long after a read timed out another one of the same page may still arrive that was waiting for it in
	// the kernel.
	sameWaitWindow = 2 * time.Second
)

// readRange is a piece of a file that a read wants.
type readRange struct {
	node   uint64
	off, n int64
	opened uint64 // number of the open file it is read through, counted over all that were opened
}

// timedOut is a read that exceeded its deadline.
type timedOut struct {
	readRange
	at   time.Time
	last uint64 // number of the file that was opened last
}

// destinationLimiters has one limiter for each destination.
type destinationLimiters struct {
	patience time.Duration
	now      func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	open map[string]*destinationLimiter
}

func (g *destinationLimiters) of(destination string) *destinationLimiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = map[string]*destinationLimiter{}
	}
	if g.open[destination] == nil {
		g.open[destination] = &destinationLimiter{patience: g.patience, now: g.now, waiting: list.New()}
	}
	return g.open[destination]
}

// destinationLimiter counts the reads that wait for one destination.
type destinationLimiter struct {
	patience time.Duration
	now      func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	waiting      *list.List // of time.Time, the start of each read, oldest in front
	answered     time.Time
	timedOut     []timedOut // since the last answer, oldest in front
	timedOutLast bool       // a read timed out, and no other one was answered since
}

// enter admits a read, unless the destination is silent and enough reads wait for it, or a read of the same page timed out
// while this one waited behind it.
func (g *destinationLimiter) enter(want readRange) (*list.Element, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.silent() {
		return nil, errSilent
	}
	if g.waited(want) {
		return nil, errBehind
	}
	return g.waiting.PushBack(g.now()), nil
}

// waited reports whether a read was in the kernel's queue while a read of the same page timed out: the kernel asks for a page once at a time, and after a failure again for the next who wants it. The caller holds mu.
func (g *destinationLimiter) waited(want readRange) bool {
	for len(g.timedOut) > 0 && g.now().Sub(g.timedOut[0].at) >= sameWaitWindow {
		g.timedOut = g.timedOut[1:]
	}
	for _, v := range g.timedOut {
		if v.node == want.node && want.opened <= v.last && want.off < v.off+v.n && v.off < want.off+want.n {
			return true
		}
	}
	return false
}

// leave ends the wait. answered says that the destination said something, be it an error.
func (g *destinationLimiter) leave(at *list.Element, answered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting.Remove(at)
	if answered {
		g.answered, g.timedOutLast, g.timedOut = g.now(), false, nil
	}
}

// deadline is how long a read may take. Once one timed out, the next ones fail sooner.
func (g *destinationLimiter) deadline(full time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timedOutLast {
		return min(full, g.patience)
	}
	return full
}

// timeoutHit notes that a read exceeded its deadline. last is the number of the file that was opened last.
func (g *destinationLimiter) timeoutHit(want readRange, last uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timedOutLast = true
	g.timedOut = append(g.timedOut, timedOut{readRange: want, at: g.now(), last: last})
}

// shouldYield reports whether a read should give way: the destination is silent and enough others wait for longer.
func (g *destinationLimiter) shouldYield(at *list.Element) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.silent() {
		return false
	}
	e := g.waiting.Front()
	for range silentReads {
		if e == nil || e == at {
			return false
		}
		e = e.Next()
	}
	return true
}

// silent reports whether as many reads wait as may, and nothing came for too long. The caller holds mu.
func (g *destinationLimiter) silent() bool {
	if g.waiting.Len() < silentReads {
		return false
	}
	since := g.waiting.Front().Value.(time.Time)
	if g.answered.After(since) {
		since = g.answered
	}
	return g.now().Sub(since) > g.patience
}
