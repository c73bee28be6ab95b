package pool

import (
	"errors"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/session"
)

// maintain drops sessions that stopped answering, and gives connections back that are not needed any more.
func (l *Pool) maintain() {
	defer l.wg.Done()
	tick := time.NewTicker(max(min(l.options.Idle, l.options.Release)/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, s := range l.overdue(now) {
				s.Fail(dest.ErrNoAnswer)
			}
			l.closeIdle(now)
		case <-l.ctx.Done():
			return
		}
	}
}

// limits are how long a reply may take. What only asks has the time that connecting has.
func (l *Pool) limits() session.Limits {
	return session.Limits{Quick: min(l.options.Reply, l.settings.ConnectionTimeout), Slow: l.options.Reply}
}

// overdue are the sessions whose server owes a reply for too long.
func (l *Pool) overdue(now time.Time) []*Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*Session
	for _, s := range l.sessions {
		if heard := s.LastReply(); heard.After(s.conn.used) {
			s.conn.used = heard
		}
		if s.Overdue(now, l.limits()) {
			found = append(found, s)
		}
	}
	return found
}

// closeIdle closes connections that nobody used for a while, but one: servers count connections, and the next call
// shall not wait for a log-in. Open files go on in another session.
func (l *Pool) closeIdle(now time.Time) {
	l.mu.Lock()
	var drop []*conn
	for _, c := range l.conns {
		if len(l.conns)-len(drop) > 1 && c.sessions > 0 && now.Sub(c.used) > l.options.Release {
			drop = append(drop, c)
		}
	}
	l.mu.Unlock()
	for _, c := range drop {
		c.Close()
	}
}

// onSessionClosed takes a session out of the pool when it is over.
func (l *Pool) onSessionClosed(s *Session) {
	<-s.Lost()
	unproductive, broken := s.WithoutProgress()
	cause := s.Err()
	l.mu.Lock()
	if unproductive && !l.closed && !errors.Is(cause, dest.ErrNotRegular) {
		l.setBack(s, cause, broken)
	}
	for i, other := range l.sessions {
		if other == s {
			l.sessions = append(l.sessions[:i], l.sessions[i+1:]...)
			break
		}
	}
	s.conn.sessions--
	l.signal() // whoever waits to open a handle in it must look elsewhere
	l.mu.Unlock()
	if s.conn.singleSession {
		s.conn.Close()
	}
	l.checkOthers(s)
}
