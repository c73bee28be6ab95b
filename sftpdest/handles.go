package sftpdest

import (
	"context"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

// crowds is how often a call looks for a session with room for one more handle before it believes the refusal.
const (
	crowds = 256
	// doubted is how often it asks again when there is room by the time of looking.
	doubted = 3
)

// opening says what doHandle is for.
type opening struct {
	keep    bool // the handle stays open when f succeeds, and is given back with freeHandle
	once    bool // it may not be asked twice
	lasting bool // it stays open for long, and is counted in lasting too
}

// doHandle is do for what opens a handle: it looks for a session where one more may be open. Servers limit them by
// session or connection, some to a hundred, some to one, and tell by refusing.
func (d *Destination) doHandle(ctx context.Context, how opening, f func(s *session) error) error {
	if how.once {
		return d.once(d.withRoom(ctx, how, f))
	}
	return d.repeat(ctx, func(func()) error { return d.withRoom(ctx, how, f) })
}

// withRoom runs f in one session after another until one has room for its handle.
func (d *Destination) withRoom(ctx context.Context, how opening, f func(s *session) error) error {
	crowd, doubts := 0, 0
	for {
		s, err := d.pool.acquireHandle(ctx, how.lasting)
		if err != nil {
			return err
		}
		err = f(s)
		if err == nil {
			if !how.keep {
				d.pool.freeHandle(s)
			}
			return nil
		}
		if how.lasting {
			d.pool.lasting.Add(-1)
		}
		full, others := d.pool.crowded(ctx, s, err)
		if full && crowd < crowds {
			crowd++
			continue
		}
		if others && doubts < doubted {
			doubts++ // room may have come between the two questions
			continue
		}
		return d.drop(s, err)
	}
}

// acquireHandle returns the session with the least to do that has room for one more handle, which it counts. Where
// there is none, an idle handle of a file is given back, to be opened again when it is needed. What stays open for long leaves
// one handle to the rest.
func (l *pool) acquireHandle(ctx context.Context, lasting bool) (*session, error) {
	for starving := false; ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := l.acquire(ctx); err != nil {
			return nil, err
		}
		l.mu.Lock()
		soon := l.soon(lasting)
		if s := l.least(l.full); s != nil && soon {
			s.opened.Add(1)
			if lasting {
				l.lasting.Add(1)
			}
			l.mu.Unlock()
			return s, nil
		}
		if !soon && !dest.Waits(ctx) {
			l.mu.Unlock()
			return nil, dest.ErrTooManyOpenFiles
		}
		l.grow()
		changed := l.changed
		l.mu.Unlock()
		if !starving {
			// Whoever makes room from now on sees that somebody waits; who did so before is found by looking again.
			starving = true
			l.starving.Add(1)
			defer l.starving.Add(-1)
			continue
		}
		if !l.files.evict() {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

// soon reports whether a handle can be had without waiting for one that stays open for long. It needs l.mu.
func (l *pool) soon(lasting bool) bool {
	room, taken := l.rooms(), l.lasting.Load()
	if lasting && taken > 0 {
		taken++ // leaves one
	}
	return room == 0 || taken < room
}

// rooms is how many handles may be open in all, as far as known; 0: any number. It needs l.mu.
func (l *pool) rooms() (all int32) {
	for _, c := range l.conns {
		here, any := int32(0), false
		for _, s := range l.sessions {
			if s.conn == c {
				room := s.room.Load()
				here, any = here+room, any || room == 0
			}
		}
		switch {
		case c.room > 0 && (any || c.room < here):
			here = c.room
		case any:
			return 0
		}
		all += here
	}
	return all
}

// full reports whether the server is known to refuse one more handle in s. It needs l.mu.
func (l *pool) full(s *session) bool {
	if room := s.room.Load(); room > 0 && s.opened.Load()+s.asking.Load() >= room {
		return true
	}
	room := s.conn.room
	if room == 0 {
		return false
	}
	taken := l.openOn(s.conn)
	for _, other := range l.sessions {
		if other.conn == s.conn {
			taken += other.asking.Load()
		}
	}
	return taken >= room
}

// openOn counts the handles of a connection. It needs l.mu.
func (l *pool) openOn(c *conn) int32 {
	n := int32(0)
	for _, s := range l.sessions {
		if s.conn == c {
			n += s.opened.Load()
		}
	}
	return n
}

// freeHandle counts a handle as closed.
func (l *pool) freeHandle(s *session) {
	s.opened.Add(-1)
	l.fed()
}

// fed wakes those who wait for room for a handle.
func (l *pool) fed() {
	if l.starving.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signal()
}

// crowded counts a handle as closed that could not be opened in s, and reports whether err means that too much is open there,
// and then learns how much is not. Version 3 has no status for it: the remote home, which can be opened otherwise, tells.
// That takes a handle too: nobody else is to be refused for it. others says that something else of ours was open, so that the
// answer may be late.
func (l *pool) crowded(ctx context.Context, s *session, err error) (full, others bool) {
	if !unspecific(err) {
		l.freeHandle(s)
		return false, false
	}
	s.asking.Add(1)
	defer func() {
		s.asking.Add(-1)
		l.fed()
	}()
	l.freeHandle(s)
	l.mu.Lock()
	here, all := s.opened.Load(), l.openOn(s.conn)
	crowd := s.room.Load() > 0 || s.conn.room > 0
	l.mu.Unlock()
	reply, err := s.wait(ctx, s.sendString(wire.OpenDir, "."), s.closeLate)
	if err != nil {
		return false, false
	}
	if reply.Type == wire.Handle {
		s.closeLate(reply)
		return false, all > 0 || crowd
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// What is counted may be about to be refused too: a limit only ever falls.
	switch room := s.room.Load(); {
	case here > 0 && (room == 0 || here < room):
		s.room.Store(here)
	case here == 0 && all > 0 && (s.conn.room == 0 || all < s.conn.room):
		s.conn.room = all
	case !crowd && all == 0:
		return false, true // what is being closed may be on its way
	}
	l.options.Log.Debug("no further open file", "host", l.settings.address(), "session", here, "connection", all)
	return true, true
}
