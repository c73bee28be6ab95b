package pool

import (
	"context"
	"errors"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

// healthTimeout bounds how long a suspect session has to answer.
const healthTimeout = 15 * time.Second

// checkOthers checks the other sessions of a connection that goes on though one of its sessions ended.
func (l *Pool) checkOthers(gone *Session) {
	if !gone.conn.Alive() || errors.Is(gone.Err(), dest.ErrClosed) {
		return
	}
	l.mu.Lock()
	var others []*Session
	for _, s := range l.sessions {
		if s.conn == gone.conn {
			others = append(others, s)
		}
	}
	l.mu.Unlock()
	for _, s := range others {
		l.CheckHealth(s)
	}
}

// CheckHealth keeps s from being chosen until it answered the cheapest of requests. What is in flight on it goes on.
func (l *Pool) CheckHealth(s *Session) {
	if s.suspect.Swap(true) {
		return
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.wg.Add(1)
	l.mu.Unlock()
	go func() {
		defer l.wg.Done()
		ctx, cancel := context.WithTimeout(l.ctx, min(healthTimeout, l.options.Idle))
		defer cancel()
		if _, err := s.Ask(ctx, wire.RealPath, "."); err != nil {
			s.Fail(dest.ErrNoAnswer)
			return
		}
		s.suspect.Store(false)
		l.mu.Lock()
		l.signal()
		l.mu.Unlock()
	}()
}
