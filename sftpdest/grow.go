package sftpdest

import (
	"errors"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/indexer/dest"
)

// grow opens one more session, or connection, in the background if the settings and what the server accepted so far
// allow one. Sessions come first: they cost fewer round trips and no log-in. It needs l.mu.
func (l *pool) grow() {
	if l.closed || l.opening >= growing {
		return
	}
	var c *conn
	for _, other := range l.conns {
		if other.alive() && other.sessions < other.most && (c == nil || other.sessions < c.sessions) {
			c = other
		}
	}
	if c == nil && len(l.conns)+l.opening >= l.most {
		return
	}
	if c != nil {
		c.sessions++
	}
	l.begin(c)
}

// connectApart opens one more connection in the background, up to sideBySide of them. It needs l.mu.
func (l *pool) connectApart() {
	if !l.closed && len(l.conns)+l.opening < min(l.most, sideBySide) {
		l.begin(nil)
	}
}

// begin needs l.mu.
func (l *pool) begin(c *conn) {
	l.opening++
	l.wg.Add(1)
	go l.growOn(c)
}

// growOn opens a session on c, or on a new connection if c is nil. A refusal is the server's limit.
func (l *pool) growOn(c *conn) {
	defer l.wg.Done()
	var s *session
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
	l.options.Log.Debug("no further connection", "host", l.settings.address(), "error", err)
	l.most = max(1, len(l.conns))
	if !errors.Is(err, dest.ErrAuth) {
		// A crowded server may take more later; one that refuses the user must not be asked again.
		time.AfterFunc(forgetLimit, l.forgive)
	}
}

// learnSessions lowers what a connection may carry. It needs l.mu.
func (l *pool) learnSessions(c *conn, err error) {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) || errors.Is(err, errNoSubsystem) {
		l.options.Log.Debug("no further session", "host", l.settings.address(), "sessions", c.sessions, "error", err)
	}
	c.most = max(1, c.sessions)
}

// forgive forgets how many connections the server accepted.
func (l *pool) forgive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = l.settings.MaxConnections
	if l.most == 0 {
		l.most = unlimited
	}
}

// other returns a session that has clearly less to do than load and that skip does not hold, or nil; then it sees
// to it that there is one soon, of a connection of its own if it has to be apart.
func (l *pool) other(load int64, apart bool, skip func(*session) bool) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.least(func(s *session) bool { return skip(s) || l.full(s) })
	if s != nil && s.load.Load() <= load/2 {
		return s
	}
	switch {
	case s != nil:
	case apart:
		l.connectApart()
	default:
		l.grow()
	}
	return nil
}
