package pool

import (
	"context"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

const (
	// maxProbes is how often a call looks for a session where one more handle may be open before it believes the refusal.
	maxProbes = 256
	// maxRechecks is how often it asks again when there is room by the time of looking.
	maxRechecks = 8
	// closing is how long the server may count a handle that was closed.
	closing = time.Second
)

// Opening says what a handle is opened for.
type Opening struct {
	Keep      bool // the handle stays open when it was opened, and is given back with FreeHandle
	LongLived bool // it stays open for long; EndLongLived says that it does no more
}

// WithHandle runs f, which opens a handle, in a session where one more may be open. Servers limit them by session or connection, some
// to a hundred, some to one, and tell by refusing: then the next session is tried.
func (l *Pool) WithHandle(ctx context.Context, how Opening, f func(s *Session) error) error {
	probes, rechecks := 0, 0
	for {
		s, shared, err := l.acquireHandle(ctx, how.LongLived)
		if err != nil {
			return err
		}
		err = f(s)
		if err == nil {
			if !how.Keep {
				l.FreeHandle(s)
			}
			return nil
		}
		if how.LongLived {
			l.EndLongLived()
		}
		full, late := l.tooManyOpen(ctx, s, err)
		switch {
		case full && probes < maxProbes:
			probes++
		case (late || shared && session.Unspecific(err)) && rechecks < maxRechecks:
			rechecks++ // what was open when it was refused may be closed by now
		default:
			return err
		}
	}
}

// EndLongLived counts a long-lived handle as closed, besides FreeHandle.
func (l *Pool) EndLongLived() { l.longLived.Add(-1) }

// acquireHandle returns the session with the least to do that has room for one more handle, which it counts. Where
// there is none, an idle handle of a file is given back, to be opened again when it is needed. What stays open for long leaves
// one handle to the rest. shared says that the server may count handles of others on the connection, open or closed a moment ago.
func (l *Pool) acquireHandle(ctx context.Context, longLived bool) (s *Session, shared bool, err error) {
	for waiting := false; ; {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		if _, err := l.Acquire(ctx); err != nil {
			return nil, false, err
		}
		l.mu.Lock()
		available := l.available(longLived)
		if s := l.leastLoaded(l.atLimit); s != nil && available {
			shared = l.openHandles(s.conn) > 0 || time.Since(time.Unix(0, s.conn.freed.Load())) < closing
			s.opened.Add(1)
			if longLived {
				l.longLived.Add(1)
			}
			l.mu.Unlock()
			return s, shared, nil
		}
		if !available && !dest.Waits(ctx) {
			l.mu.Unlock()
			return nil, false, dest.ErrTooManyOpenFiles
		}
		l.addSession()
		changed := l.changed
		l.mu.Unlock()
		if !waiting {
			// Whoever makes room from now on sees that somebody waits; who did so before is found by looking again.
			waiting = true
			l.waiters.Add(1)
			defer l.waiters.Add(-1)
			continue
		}
		if !l.evict() {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

// AddHandle counts one more handle in s, which FreeHandle takes back, and reports whether two may be open there.
func (l *Pool) AddHandle(s *Session) bool {
	if s.limit.Load() == 1 {
		return false
	}
	s.opened.Add(1)
	return true
}

// FreeHandle counts a handle as closed.
func (l *Pool) FreeHandle(s *Session) {
	s.conn.freed.Store(time.Now().UnixNano())
	s.opened.Add(-1)
	l.WakeWaiters()
}

// WakeWaiters wakes those who wait for room for a handle.
func (l *Pool) WakeWaiters() {
	if l.waiters.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signal()
}

// tooManyOpen counts a handle as closed that could not be opened in s, and reports whether err means that the server lets no more be
// open: then the handles that are open become its limit. SFTP version 3 has no status for that. So it probes with OPENDIR "." (the remote
// home), which is counted like a handle, so that nobody else is refused for it. late says that something else is open, so that the refusal may
// have been right when it was sent.
func (l *Pool) tooManyOpen(ctx context.Context, s *Session, err error) (full, late bool) {
	if !session.Unspecific(err) {
		l.FreeHandle(s)
		return false, false
	}
	s.probes.Add(1)
	defer func() {
		s.probes.Add(-1)
		l.WakeWaiters()
	}()
	l.FreeHandle(s)
	l.mu.Lock()
	here, all := s.opened.Load(), l.openHandles(s.conn)
	limited := s.limit.Load() > 0 || s.conn.limit > 0
	l.mu.Unlock()
	reply, err := s.Wait(ctx, s.SendString(wire.OpenDir, "."), s.CloseLate)
	if err != nil {
		return false, false
	}
	if reply.Type == wire.Handle {
		s.CloseLate(reply)
		return false, all > 0 || limited
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// What is counted may be about to be refused too: a limit only ever falls.
	switch limit := s.limit.Load(); {
	case here > 0 && (limit == 0 || here < limit):
		s.limit.Store(here)
	case here == 0 && all > 0 && (s.conn.limit == 0 || all < s.conn.limit):
		s.conn.limit = all
	case !limited && all == 0:
		return false, true // what is being closed may be on its way
	}
	l.options.Log.Debug("no further open file", "host", l.settings.Address(), "session", here, "connection", all)
	return true, true
}
