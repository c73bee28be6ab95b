package pool

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/session"
)

// Session is one session of the pool.
type Session struct {
	*session.Session
	conn    *conn
	suspect atomic.Bool  // nobody gets it until it answered: see checkHealth
	opened  atomic.Int32 // handles that are counted
	probes  atomic.Int32 // handles that tooManyOpen opens
	limit   atomic.Int32 // handles that may be open, as far as known; 0: any number
}

// OnOtherConn reports whether s and other are on different connections.
func (s *Session) OnOtherConn(other *Session) bool { return s.conn != other.conn }

// Server is what the server calls itself, and Method what logged in.
func (s *Session) Server() string { return string(s.conn.ServerVersion()) }

// Method is described with Server.
func (s *Session) Method() string { return s.conn.Method }

// conn is one SSH connection, logged in.
type conn struct {
	*auth.Connection
	singleSession bool         // it may have one session in its life
	freed         atomic.Int64 // when a handle was closed last, in Unix nanoseconds

	// What follows is guarded by the pool's mutex.
	sessions    int       // open or being opened
	maxSessions int       // sessions that the server allows, as far as known
	used        time.Time // when a session of it last had a request
	limit       int32     // handles that may be open on all of them, as far as known; 0: any number
}

// interleavesSessions reports whether a server takes what several sessions of a connection send for one stream. ProFTPD's does (seen
// with mod_sftp 1.1.1): where a packet of one session arrives between two pieces of another one's, both are garbled, and
// a WRITE may have bytes of the other one.
func interleavesSessions(version []byte) bool { return bytes.Contains(version, []byte("mod_sftp")) }

// firstSession opens a session: on a connection that is still there, which so proves itself, or on a new one.
func (l *Pool) firstSession() (*Session, error) {
	l.mu.Lock()
	var c *conn
	for _, old := range l.conns {
		if old.Alive() && !old.singleSession {
			c = old
		}
	}
	if c != nil {
		c.sessions++
	}
	l.mu.Unlock()
	if c != nil {
		if s, err := l.open(c); err == nil {
			return s, nil
		}
		c.Close()
	}
	return l.dial()
}

// dial makes a connection and its first session.
func (l *Pool) dial() (*Session, error) {
	made, err := auth.Login(l.ctx, l.settings, l.options, l.pins, l.creds)
	if err != nil {
		return nil, err
	}
	c := &conn{Connection: made, singleSession: interleavesSessions(made.ServerVersion()), maxSessions: sessionsPerConn, sessions: 1, used: time.Now()}
	if c.singleSession {
		c.maxSessions = 1
	}
	l.mu.Lock()
	l.conns = append(l.conns, c)
	l.mu.Unlock()
	go func() {
		<-c.Gone()
		l.onConnClosed(c)
	}()
	s, err := l.open(c)
	if err != nil {
		c.Close()
		return nil, &auth.UnreachableError{Address: l.settings.Address(), Err: err}
	}
	l.options.Log.Debug("connected", "host", l.settings.Address())
	return s, nil
}

// open starts a session on c, which has been counted.
func (l *Pool) open(c *conn) (*Session, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.settings.ConnectionTimeout)
	defer cancel()
	s, err := session.Open(ctx, c.Client, session.Config{Quick: l.limits().Quick, Names: l.names, OnProgress: l.progress})
	if err != nil {
		l.mu.Lock()
		c.sessions--
		l.mu.Unlock()
		return nil, err
	}
	return &Session{Session: s, conn: c}, nil
}

// onConnClosed takes a connection out of the pool.
func (l *Pool) onConnClosed(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.conns {
		if other == c {
			l.conns = append(l.conns[:i], l.conns[i+1:]...)
			return
		}
	}
}
