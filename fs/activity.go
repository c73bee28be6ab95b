package fs

import (
	"sync/atomic"
	"time"
)

// IdleFor is how long nobody has looked for anything in the mount, nor waited for an answer.
func (m *Server) IdleFor() time.Duration { return m.raw.activity.idleFor() }

// WaitingFor is how long requests have been under way without one of them being answered; 0 when there are none.
func (m *Server) WaitingFor() time.Duration { return m.raw.activity.waitingFor() }

// activity tells when the mount was used last. No clock that is set changes what it tells.
type activity struct {
	epoch   time.Time
	running atomic.Int64 // requests
	last    atomic.Int64 // end of one, or beginning of one that is alone, in nanoseconds since epoch
}

func newActivity() *activity { return &activity{epoch: time.Now()} }

// begin counts a request, which comes to its end.
func (u *activity) begin() {
	if u.running.Add(1) == 1 {
		u.last.Store(int64(time.Since(u.epoch)))
	}
}

func (u *activity) end() {
	u.last.Store(int64(time.Since(u.epoch)))
	u.running.Add(-1)
}

func (u *activity) idleFor() time.Duration {
	if u.running.Load() > 0 {
		return 0
	}
	return u.since()
}

func (u *activity) waitingFor() time.Duration {
	if u.running.Load() == 0 {
		return 0
	}
	return u.since()
}

// since is the time since last.
func (u *activity) since() time.Duration {
	return max(0, time.Since(u.epoch)-time.Duration(u.last.Load()))
}
