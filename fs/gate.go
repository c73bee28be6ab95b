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
)

// gates has one gate for each destination.
type gates struct {
	patience time.Duration
	now      func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	open map[string]*gate
}

func (g *gates) of(destination string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = map[string]*gate{}
	}
	if g.open[destination] == nil {
		g.open[destination] = &gate{patience: g.patience, now: g.now, waiting: list.New()}
	}
	return g.open[destination]
}

// gate counts the reads that wait for one destination.
type gate struct {
	patience time.Duration
	now      func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	waiting  *list.List // of time.Time, the start of each read, oldest in front
	answered time.Time
	late     bool // a read met its deadline, and no other one was answered since
}

// enter lets a read wait for the destination, unless that is silent and enough wait already.
func (g *gate) enter() (*list.Element, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.silent() {
		return nil, errSilent
	}
	return g.waiting.PushBack(g.now()), nil
}

// leave ends the wait. answered says that the destination said something, be it an error.
func (g *gate) leave(at *list.Element, answered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting.Remove(at)
	if answered {
		g.answered, g.late = g.now(), false
	}
}

// deadline is how long a read may take. Many readers of one page wait one after the other, so once one waited in vain
// the next ones learn sooner.
func (g *gate) deadline(full time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.late {
		return min(full, g.patience)
	}
	return full
}

// missed says that a read met its deadline.
func (g *gate) missed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late = true
}

// surplus reports whether a read should give way: the destination is silent and enough others wait for longer.
func (g *gate) surplus(at *list.Element) bool {
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
func (g *gate) silent() bool {
	if g.waiting.Len() < silentReads {
		return false
	}
	since := g.waiting.Front().Value.(time.Time)
	if g.answered.After(since) {
		since = g.answered
	}
	return g.now().Sub(since) > g.patience
}
