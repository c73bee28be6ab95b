package pool

import (
	"errors"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/session"
)

// maxConnsForReads is how many connections are opened for who reads from a server that is near. More of them only share the
// processors among more threads.
const maxConnsForReads = 2

// addSession opens one more session, or connection, in the background if the settings and what the server accepted so far
// allow one. Sessions come first: they cost fewer round trips and no log-in. It needs l.mu.
func (l *Pool) addSession() {
	if l.closed || l.opening >= maxOpening {
		return
	}
	var c *conn
	for _, other := range l.conns {
		if other.Alive() && other.sessions < other.maxSessions && (c == nil || other.sessions < c.sessions) {
			c = other
		}
	}
	if c == nil && len(l.conns)+l.opening >= l.maxConns {
		return
	}
	if c != nil {
		c.sessions++
	}
	l.start(c)
}

// addConn opens one more connection in the background, up to maxConnsForReads of them. It needs l.mu.
func (l *Pool) addConn() {
	if !l.closed && len(l.conns)+l.opening < min(l.maxConns, maxConnsForReads) {
		l.start(nil)
	}
}

// start opens a session on c, or on a new connection if c is nil, in the background. It needs l.mu.
func (l *Pool) start(c *conn) {
	l.opening++
	l.wg.Add(1)
	go l.openOn(c)
}

// openOn does what start says. A refusal is the server's limit.
func (l *Pool) openOn(c *conn) {
	defer l.wg.Done()
	var s *Session
	var err error
	if c != nil {
		s, err = l.open(c)
	} else {
		s, err = l.dial()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opening--
	if err == nil {
		l.add(s)
		return
	}
	if l.closed {
		return
	}
	if c != nil {
		l.learnSessions(c, err)
		return
	}
	l.options.Log.Debug("no further connection", "host", l.settings.Address(), "error", err)
	l.maxConns = max(1, len(l.conns))
	if !errors.Is(err, dest.ErrAuth) {
		// A busy server may take more later; one that refuses the user must not be asked again.
		time.AfterFunc(connLimitTTL, l.resetConnLimit)
	}
}

// learnSessions lowers what a connection may carry. It needs l.mu.
func (l *Pool) learnSessions(c *conn, err error) {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) || errors.Is(err, session.ErrNoSubsystem) {
		l.options.Log.Debug("no further session", "host", l.settings.Address(), "sessions", c.sessions, "error", err)
	}
	c.maxSessions = max(1, c.sessions)
}

// resetConnLimit forgets how many connections the server accepted.
func (l *Pool) resetConnLimit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.maxConns = l.settings.MaxConnections
	if l.maxConns == 0 {
		l.maxConns = defaultMaxConns
	}
}

// Other returns a session that has clearly less to do than load and that skip does not hold, for one more handle, or nil; then it sees
// to it that there is one soon, of a connection of its own where onOtherConn is set.
func (l *Pool) Other(load int64, onOtherConn bool, skip func(*Session) bool) *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.leastLoaded(func(s *Session) bool { return skip(s) || l.atLimit(s) })
	if s != nil && s.Load() <= load/2 {
		s.opened.Add(1)
		return s
	}
	switch {
	case s != nil:
	case onOtherConn:
		l.addConn()
	default:
		l.addSession()
	}
	return nil
}
