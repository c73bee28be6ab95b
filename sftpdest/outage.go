package sftpdest

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

const (
	longestBackoff = 30 * time.Second
	// eager and probing are how many times the shortest pause lie at least between two attempts for somebody who just
	// came, and at most where somebody waits. Attempts ahead of their time cost no retry: a pause that has grown long
	// must not outlast the outage.
	eager, probing = 2, 10
	// remembered is how long a failure is news: whoever comes later waits for what the next attempt says.
	remembered = time.Minute
	// mostSetbacks is how many sessions in a row may get nowhere where the settings allow any number of retries: those are for a
	// server that is down.
	mostSetbacks = 10
	// firstLockOut is how long nobody logs in again after a refusal; it grows fourfold with each further one. OpenSSH
	// 9.8 and fail2ban count refusals over ten minutes or so.
	firstLockOut   = time.Minute
	longestLockOut = 15 * time.Minute
)

// outage is what is known while there is no session. It is guarded by the pool's mutex.
//
// While retries last, everybody waits for them. When they are used up, whoever waited is told, and further calls
// get the same answer at once instead of hanging for a time-out each; they wake an attempt now and then, for whose
// end they wait a short while, so that the first call after the end of the outage works.
type outage struct {
	connecting bool
	known      bool      // there was a session before
	failure    error     // of the last attempt; nil after a success
	at         time.Time // when it came
	began      time.Time // the attempt in progress
	until      time.Time // until then nothing is tried
	due        time.Time // when the next retry is; what is tried before is none
	spent      bool      // the retries are used up
	rounds     int       // of attempts that were given up
	failed     int       // attempts since the last success
	refused    int       // log-ins since the last success
	patience   time.Duration

	// What follows outlives successes: a server that lets us in and gets nowhere is no better than one that is down.
	setbacks int       // sessions that got nowhere, since one that did
	last     time.Time // when the last of them ended
	rest     time.Time // until then no further session is tried
}

// ask says what a call without a session does: it gets an error, or waits, for so long if the result is not 0, for
// the attempt that it then wants. rounds is how many had ended when the call began.
func (o *outage) ask(now time.Time, rounds int) (time.Duration, error) {
	switch {
	case o.failure == nil:
		return 0, nil
	case rounds != o.rounds || now.Before(o.until):
		return 0, o.failure
	case !o.spent || now.Sub(o.at) > remembered:
		return 0, nil
	case !o.connecting:
		return o.patience, nil
	}
	wait := o.began.Add(o.patience).Sub(now)
	if wait <= 0 {
		return 0, o.failure
	}
	return wait, nil
}

// succeed forgets the outage.
func (o *outage) succeed() {
	*o = outage{known: true, rounds: o.rounds, patience: o.patience, setbacks: o.setbacks, last: o.last, rest: o.rest}
}

// setBack notes a session that ended before it got anywhere. What passes is forgotten; what is broken is not. Where there were
// more than the retries allow, calls get err until the next attempt is due.
func (o *outage) setBack(now time.Time, err error, broken bool, s Settings, base time.Duration) {
	if !broken && now.Sub(o.last) > remembered {
		o.setbacks = 0
	}
	o.setbacks++
	delay := longestBackoff
	if n := o.setbacks - 1; n < 16 {
		delay = min(base<<n, longestBackoff)
	}
	o.last, o.rest = now, now.Add(delay)
	most := s.MaxRetries
	if most == 0 {
		most = mostSetbacks
	}
	if o.setbacks > most {
		o.failure, o.at, o.until, o.spent = err, now, o.rest, true
		o.rounds++
	}
}

// fail notes a failed attempt and says whether and when to try again.
func (o *outage) fail(now time.Time, err error, s Settings, base time.Duration) (delay time.Duration, again bool) {
	o.failure, o.at = err, now
	if errors.Is(err, wire.ErrMalformed) {
		o.setBack(now, err, true, s, base)
		return o.rest.Sub(now), !o.spent
	}
	if now.Before(o.due) && !errors.Is(err, dest.ErrAuth) {
		return o.due.Sub(now), true
	}
	o.failed++
	if errors.Is(err, errMute) {
		// It was waited for as long as it takes, and what hangs seldom gets well by itself: the second time is half of all.
		o.failed += (s.MaxRetries - 1) / 2
	}
	var identity *IdentityError
	if errors.As(err, &identity) {
		o.until, o.spent = time.Time{}, true // nothing was sent: looking at the file again does no harm
		return 0, false
	}
	if errors.Is(err, dest.ErrAuth) {
		o.until = now.Add(min(firstLockOut<<min(2*o.refused, 20), longestLockOut))
		o.refused++
		return 0, false
	}
	delay = o.backoff(base)
	if s.MaxRetries > 0 && o.failed > s.MaxRetries {
		// Whoever comes before the next attempt is due gets the same answer at once.
		o.spent, o.until = true, now.Add(min(delay, eager*base))
		return 0, false
	}
	o.due = now.Add(delay)
	return delay, true
}

// setBack notes a session that ended before it got anywhere. It needs l.mu.
func (l *pool) setBack(s *session, cause error, broken bool) {
	if len(l.sessions) > 1 {
		s.conn.most = max(1, s.conn.sessions-1) // others work: it was one too many
		return
	}
	l.outage.setBack(time.Now(), &UnreachableError{Address: l.settings.address(), Err: cause}, broken, l.settings, l.options.Backoff)
}

// progress forgets what went wrong before a session got somewhere.
func (l *pool) progress() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outage.setbacks, l.outage.rest = 0, time.Time{}
}

// backoff is the time before the next attempt. What worked before is worth waiting for: five retries then last more
// than a minute, which restarts take; a destination that never answered is given up sooner. The jitter keeps
// those that lost the server together from coming back together.
func (o *outage) backoff(base time.Duration) time.Duration {
	delay := base
	for i := 1; i < o.failed && delay < longestBackoff; i++ {
		delay *= 2
		if o.known {
			delay += delay / 2
		}
	}
	if o.known {
		delay *= 2
	}
	delay = min(delay, longestBackoff)
	return delay + rand.N(delay/4+1)
}

// connect makes sure that somebody works on the first session. It needs l.mu.
func (l *pool) connect() {
	if l.outage.connecting || l.closed {
		return
	}
	l.outage.connecting, l.outage.began = true, time.Now()
	l.wg.Add(1)
	go l.keepTrying()
}

// keepTrying makes connections until one works, the retries are used up, trying again would do harm, or nobody
// waits any more.
func (l *pool) keepTrying() {
	defer l.wg.Done()
	l.mu.Lock()
	rest := time.Until(l.outage.rest)
	l.mu.Unlock()
	if rest > 0 && !l.pause(rest) {
		return
	}
	for {
		s, err := l.first()
		l.mu.Lock()
		if err == nil {
			l.outage.succeed()
			l.add(s)
			l.mu.Unlock()
			return
		}
		retries := l.outage.failed
		delay, again := l.outage.fail(time.Now(), err, l.settings, l.options.Backoff)
		level := slog.LevelWarn
		if l.outage.failed == retries {
			level = slog.LevelDebug // every few seconds, however long it takes
		}
		if !again || l.closed {
			l.outage.connecting = false
			l.outage.rounds++
			l.signal()
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		l.options.Log.Log(l.ctx, level, "connection", "host", l.settings.address(), "error", err, "retry", delay)
		if !l.sleep(delay) {
			return
		}
	}
}

// sleep waits before the next attempt, until a retry is due or somebody should not wait for that; it ends the
// attempts when nobody is interested any more.
func (l *pool) sleep(delay time.Duration) bool {
	base := l.options.Backoff
	began := time.Now()
	timer := time.NewTimer(min(delay, probing*base+rand.N(base/2+1)))
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case <-timer.C:
			waiting = false
		case <-l.came:
			timer.Reset(min(delay, eager*base) - time.Since(began))
		case <-l.ctx.Done():
			waiting = false
		}
	}
	return l.wanted()
}

// pause waits for the whole time, and ends the attempts when nobody is interested any more.
func (l *pool) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
	return l.wanted()
}

// wanted reports whether somebody waits for the next attempt, which begins then.
func (l *pool) wanted() bool {
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

// knock tells who works on the first session that somebody new waits for it.
func (l *pool) knock() {
	select {
	case l.came <- struct{}{}:
	default:
	}
}
