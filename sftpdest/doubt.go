package sftpdest

import (
	"context"
	"errors"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

// proofTime bounds how long a session that is doubted has to answer.
const proofTime = 15 * time.Second

// doubtOthers has the sessions of a connection prove themselves of which one ended though the connection goes on.
func (l *pool) doubtOthers(gone *session) {
	if !gone.conn.alive() || errors.Is(gone.lostBy(), dest.ErrClosed) {
		return
	}
	l.mu.Lock()
	var others []*session
	for _, s := range l.sessions {
		if s.conn == gone.conn {
			others = append(others, s)
		}
	}
	l.mu.Unlock()
	for _, s := range others {
		l.doubt(s)
	}
}

// doubt gives s to nobody until it answered the cheapest of requests. What is in flight on it goes on.
func (l *pool) doubt(s *session) {
	if s.doubted.Swap(true) {
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
		ctx, cancel := context.WithTimeout(l.ctx, min(proofTime, l.options.Idle))
		defer cancel()
		if _, err := s.ask(ctx, wire.RealPath, "."); err != nil {
			s.fail(dest.ErrNoAnswer)
			return
		}
		s.doubted.Store(false)
		l.mu.Lock()
		l.signal()
		l.mu.Unlock()
	}()
}
