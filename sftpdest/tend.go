package sftpdest

import (
	"time"

	"slotfs/indexer/dest"
)

// tend drops sessions that stopped answering, and gives connections back that are not needed any more.
func (l *pool) tend() {
	defer l.wg.Done()
	tick := time.NewTicker(max(min(l.options.Idle, l.options.Release)/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, s := range l.silent(now) {
				s.fail(dest.ErrNoAnswer)
			}
			l.release(now)
		case <-l.ctx.Done():
			return
		}
	}
}

// limits are how long a reply may take. What only asks has the time that connecting has.
func (l *pool) limits() limits {
	return limits{quick: min(l.options.Reply, l.settings.ConnectionTimeout), slow: l.options.Reply}
}

func (l *pool) silent(now time.Time) []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*session
	for _, s := range l.sessions {
		if heard := s.last(); heard.After(s.conn.used) {
			s.conn.used = heard
		}
		if s.overdue(now, l.limits()) {
			found = append(found, s)
		}
	}
	return found
}

// release closes connections that nobody used for a while, but one: servers count connections, and the next call
// shall not wait for a log-in. Open files go on in another session.
func (l *pool) release(now time.Time) {
	l.mu.Lock()
	var drop []*conn
	for _, c := range l.conns {
		if len(l.conns)-len(drop) > 1 && c.sessions > 0 && now.Sub(c.used) > l.options.Release {
			drop = append(drop, c)
		}
	}
	l.mu.Unlock()
	for _, c := range drop {
		c.close()
	}
}
