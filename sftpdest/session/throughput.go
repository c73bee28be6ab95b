package session

import (
	"sync/atomic"
	"time"
)

// throughput tells whether the round trip limits a session: its channel carries at most one window of bytes per round trip (2 MiB,
// golang.org/x/crypto/ssh). Where less arrives, the server, the network or this machine is the limit, and a further session would only
// compete with this one.
type throughput struct {
	owed atomic.Int64 // bytes of READs that were not answered
	rate atomic.Int64 // bytes a second that they came at last; 0: not known

	// What follows is guarded by the session's mutex.
	since time.Time // when what is counted began
	came  int64     // bytes
}

// halfWindow is half of a channel's window: with more than that in flight the distance and not the server decides how much comes.
const halfWindow = 1 << 20

// fast is a rate, in bytes a second, that is more than a line of a gigabit brings: what bounds one connection then is that
// either end works on it in one thread, ciphers included.
const fast = 160 << 20

// measureTime is how long bytes are counted for a rate.
const measureTime = 40 * time.Millisecond

// begin forgets the time when nothing was asked for.
func (p *throughput) begin(now time.Time) { p.since, p.came = now, 0 }

// note counts the bytes of a reply.
func (p *throughput) note(n int, now time.Time) {
	p.came += int64(n)
	took := now.Sub(p.since)
	if took >= measureTime {
		p.rate.Store(int64(float64(p.came) / took.Seconds()))
		p.since, p.came = now, 0
	}
}

// WindowLimited reports whether reading files over one more session would be faster: this one is busy, and moves so many bytes per
// round trip that its window is the limit.
func (s *Session) WindowLimited(rtt time.Duration) bool {
	return s.load.Load() > halfWindow && float64(s.throughput.rate.Load())*rtt.Seconds() > halfWindow
}

// CPULimited reports whether one processor is the limit of the connection of s, so that one more connection would be faster where there
// are several.
func (s *Session) CPULimited() bool {
	return s.load.Load() > halfWindow && s.throughput.rate.Load() > fast
}

// Overloaded reports whether s has so many small requests in flight, or is so limited by its window, that one more session pays off.
func (s *Session) Overloaded(rtt time.Duration) bool {
	load := s.load.Load()
	return load > halfWindow && (s.throughput.owed.Load() < load/2 || s.WindowLimited(rtt))
}

// Busy reports whether the server owes so much that the distance decides how much comes.
func (s *Session) Busy() bool { return s.load.Load() > halfWindow }
