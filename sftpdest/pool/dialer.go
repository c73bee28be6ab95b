package pool

import (
	"math/rand/v2"
	"time"

	"slotfs/sftpdest/auth"
)

// setBack notes a session that ended before it got anywhere. It needs l.mu.
func (l *Pool) setBack(s *Session, cause error, broken bool) {
	if len(l.sessions) > 1 {
		s.conn.maxSessions = max(1, s.conn.sessions-1) // others work: it was one too many
		return
	}
	l.outage.setBack(time.Now(), &auth.UnreachableError{Address: l.settings.Address(), Err: cause}, broken, l.settings, l.options.Backoff)
}

// progress forgets what went wrong before a session got somewhere.
func (l *Pool) progress() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outage.setbacks, l.outage.rest = 0, time.Time{}
}

// connect begins to make the first session, unless that is under way. It needs l.mu.
func (l *Pool) connect() {
	if l.outage.connecting || l.closed {
		return
	}
	l.outage.connecting, l.outage.began = true, time.Now()
	l.wg.Add(1)
	go l.dialUntilUp()
}

// dialUntilUp makes connections until one works, the retries are used up, trying again would do harm, or nobody
// waits any more.
func (l *Pool) dialUntilUp() {
	defer l.wg.Done()
	l.mu.Lock()
	rest := time.Until(l.outage.rest)
	l.mu.Unlock()
	if rest > 0 && !l.pause(rest) {
		return
	}
	for {
		s, err := l.firstSession()
		l.mu.Lock()
		if err == nil {
			l.outage.succeed()
			l.add(s)
			l.mu.Unlock()
			return
		}
		delay, again := l.outage.fail(time.Now(), err, l.settings, l.options.Backoff)
		if !again || l.closed {
			l.outage.connecting = false
			l.outage.rounds++
			l.signal()
			l.mu.Unlock()
			return
		}
		l.retries++
		l.mu.Unlock()
		l.options.Log.Debug("connection", "host", l.settings.Address(), "error", err, "retry", delay)
		if !l.sleep(delay) {
			return
		}
	}
}

// sleep waits before the next attempt: until a retry is due, or for less where somebody waits. It reports whether to go on, as wanted
// does.
func (l *Pool) sleep(delay time.Duration) bool {
	base := l.options.Backoff
	began := time.Now()
	timer := time.NewTimer(min(delay, maxRetryFactor*base+rand.N(base/2+1)))
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case <-timer.C:
			waiting = false
		case <-l.newCaller:
			timer.Reset(min(delay, minRetryFactor*base) - time.Since(began))
		case <-l.ctx.Done():
			waiting = false
		}
	}
	return l.wanted()
}

// pause waits for the whole time. It reports whether to go on, as wanted does.
func (l *Pool) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
	return l.wanted()
}

// wanted reports whether somebody waits for the next attempt, which begins then.
func (l *Pool) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.waiting == 0 {
		l.outage.connecting = false
		l.signal()
		return false
	}
	l.outage.began = time.Now()
	return true
}

// notifyDialer tells dialUntilUp that somebody new waits for it.
func (l *Pool) notifyDialer() {
	select {
	case l.newCaller <- struct{}{}:
	default:
	}
}
