package pool

// available reports whether a handle can be had without waiting for one that stays open for long. It needs l.mu.
func (l *Pool) available(longLived bool) bool {
	limit, taken := l.totalLimit(), l.longLived.Load()
	if longLived && taken > 0 {
		taken++ // leaves one
	}
	return limit == 0 || taken < limit
}

// totalLimit is how many handles may be open in all, as far as known; 0: any number. It needs l.mu.
func (l *Pool) totalLimit() (all int32) {
	for _, c := range l.conns {
		here, any := int32(0), false
		for _, s := range l.sessions {
			if s.conn == c {
				limit := s.limit.Load()
				here, any = here+limit, any || limit == 0
			}
		}
		switch {
		case c.limit > 0 && (any || c.limit < here):
			here = c.limit
		case any:
			return 0
		}
		all += here
	}
	return all
}

// atLimit reports whether the server is known to refuse one more handle in s. It needs l.mu.
func (l *Pool) atLimit(s *Session) bool {
	if limit := s.limit.Load(); limit > 0 && s.opened.Load()+s.probes.Load() >= limit {
		return true
	}
	limit := s.conn.limit
	if limit == 0 {
		return false
	}
	taken := l.openHandles(s.conn)
	for _, other := range l.sessions {
		if other.conn == s.conn {
			taken += other.probes.Load()
		}
	}
	return taken >= limit
}

// openHandles counts the handles of a connection. It needs l.mu.
func (l *Pool) openHandles(c *conn) int32 {
	n := int32(0)
	for _, s := range l.sessions {
		if s.conn == c {
			n += s.opened.Load()
		}
	}
	return n
}
