package pool

import "time"

// Stats tell how a pool is connected.
type Stats struct {
	Connections int
	Retries     int64         // attempts to connect that followed one that had failed
	RTT         time.Duration // shortest round trip that a session began with; 0: there was none
}

// Stats are those of the moment.
func (l *Pool) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Connections: len(l.conns), Retries: l.retries, RTT: l.RTT()}
}
