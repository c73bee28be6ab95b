package fs

import (
	"sync/atomic"
	"time"
)

// IdleFor is how long nobody has looked for anything in the mount, nor waited for an answer.
func (m *Server) IdleFor() time.Duration { return m.raw.activity.idleFor() }

// activity tells when the mount was used last. The zero value never was.
type activity struct {
	running atomic.Int64 // requests
	last    atomic.Int64 // end of one, in nanoseconds of Unix time
}

// begin counts a request, which comes to its end.
func (u *activity) begin() { u.running.Add(1) }

func (u *activity) end() {
	u.last.Store(time.Now().UnixNano())
	u.running.Add(-1)
}

func (u *activity) idleFor() time.Duration {
	if u.running.Load() > 0 {
		return 0
	}
	return time.Since(time.Unix(0, u.last.Load()))
}
