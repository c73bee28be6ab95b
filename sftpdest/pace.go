package sftpdest

import (
	"sync/atomic"
	"time"
)

// pace tells whether the distance bounds what a session brings: its channel carries at most a window's worth of bytes in
// a round trip (2 MiB, golang.org/x/crypto/ssh). Where less comes, the server, the line or this machine is the bound, and a
// further session would only compete with this one.
type pace struct {
	owed atomic.Int64 // bytes of READs that were not answered
	rate atomic.Int64 // bytes a second that they came at last; 0: not known

	// What follows is guarded by the session's mutex.
	since time.Time // when what is counted began
	came  int64     // bytes
}

// paceTime is how long bytes are counted for a rate.
const paceTime = 40 * time.Millisecond

// begin forgets the time when nothing was asked for.
func (p *pace) begin(now time.Time) { p.since, p.came = now, 0 }

// note counts the bytes of a reply.
func (p *pace) note(n int, now time.Time) {
	p.came += int64(n)
	if took := now.Sub(p.since); took >= paceTime {
		p.rate.Store(int64(float64(p.came) / took.Seconds()))
		p.since, p.came = now, 0
	}
}

// pays reports whether one more session would bring more than this one alone, for one who reads files: this one has enough
// to do, and brings so much in a round trip that its window is what bounds it.
func (s *session) pays(trip time.Duration) bool {
	return s.load.Load() > busy && float64(s.pace.rate.Load())*trip.Seconds() > busy
}

const (
	// fast is a rate, in bytes a second, that is more than a line of a gigabit brings: what bounds one connection then is that
	// either end works on it in one thread, ciphers included.
	fast = 160 << 20
	// worthLogIn is how long a file is that is read faster even though a log-in has to come first, in bytes.
	worthLogIn = 128 << 20
	// sideBySide is how many connections are for who reads from a server that is near. More of them only share the processors
	// among more threads.
	sideBySide = 2
)

// bound reports whether one processor bounds the connection of s, so that one more connection would bring more where there are
// several.
func (s *session) bound() bool { return s.load.Load() > busy && s.pace.rate.Load() > fast }

// laden reports whether s has so much to do that one more session pays for those who ask for little at a time.
func (s *session) laden(trip time.Duration) bool {
	load := s.load.Load()
	return load > busy && (s.pace.owed.Load() < load/2 || s.pays(trip))
}
