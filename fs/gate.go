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
	// together is how long those that wait for one page take to come after one of them read it in vain.
	together = 2 * time.Second
)

// span is a piece of a file that a read wants.
type span struct {
	node   uint64
	off, n int64
	opened uint64 // number of the open file it is read through, counted over all that were opened
}

// vain is a read that met its deadline.
type vain struct {
	span
	at   time.Time
	last uint64 // number of the file that was opened last
}

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
	vain     []vain // since the last answer, oldest in front
	late     bool   // a read met its deadline, and no other one was answered since
}

// enter lets a read wait for the destination, unless that is silent and enough wait already, or others waited for
// the same in vain while it waited behind them.
func (g *gate) enter(want span) (*list.Element, error) {
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

// waited reports whether a read was in the kernel's queue while another one waited for the same page in vain: the
// kernel asks for a page once at a time, and after a failure again for the next who wants it. The caller holds mu.
func (g *gate) waited(want span) bool {
	for len(g.vain) > 0 && g.now().Sub(g.vain[0].at) >= together {
		g.vain = g.vain[1:]
	}
	for _, v := range g.vain {
		if v.node == want.node && want.opened <= v.last && want.off < v.off+v.n && v.off < want.off+want.n {
			return true
		}
	}
	return false
}

// leave ends the wait. answered says that the destination said something, be it an error.
func (g *gate) leave(at *list.Element, answered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting.Remove(at)
	if answered {
		g.answered, g.late, g.vain = g.now(), false, nil
	}
}

// deadline is how long a read may take. Once one waited in vain the next ones learn sooner.
func (g *gate) deadline(full time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.late {
		return min(full, g.patience)
	}
	return full
}

// missed says that a read met its deadline. last is the number of the file that was opened last.
func (g *gate) missed(want span, last uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late = true
	g.vain = append(g.vain, vain{span: want, at: g.now(), last: last})
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
