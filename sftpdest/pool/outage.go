package pool

import (
	"errors"
	"math/rand/v2"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/settings"
	"slotfs/sftpdest/wire"
)

const (
	maxBackoff = 30 * time.Second
	// minRetryFactor and maxRetryFactor bound the pause between two attempts while callers wait, in units of Options.Backoff: for one who
	// just came, and for one who waits. Attempts before the back-off is over do not count as retries.
	minRetryFactor, maxRetryFactor = 2, 10
	// failureTTL is how long calls are answered with the last failure; whoever comes later waits for the next attempt.
	failureTTL = time.Minute
	// maxSetbacks is how many sessions in a row may get nowhere where the settings allow any number of retries: those are for a
	// server that is down.
	maxSetbacks = 10
	// firstLockout is how long nobody logs in again after a refusal; it grows fourfold with each further one. OpenSSH
	// 9.8 and fail2ban count refusals over ten minutes or so.
	firstLockout = time.Minute
	maxLockout   = 15 * time.Minute
)

// outage is what is known while there is no session. It is guarded by the pool's mutex.
//
// While retries last, all calls wait for them. When they are used up these calls fail, and further ones fail at once instead of
// each waiting for a time-out. Now and then such a call starts an attempt and waits for it a short while (Options.Patience), so
// that the first call after the outage succeeds.
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
	case !o.spent || now.Sub(o.at) > failureTTL:
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
func (o *outage) setBack(now time.Time, err error, broken bool, s settings.Settings, base time.Duration) {
	if !broken && now.Sub(o.last) > failureTTL {
		o.setbacks = 0
	}
	o.setbacks++
	delay := maxBackoff
	if n := o.setbacks - 1; n < 16 {
		delay = min(base<<n, maxBackoff)
	}
	o.last, o.rest = now, now.Add(delay)
	most := s.MaxRetries
	if most == 0 {
		most = maxSetbacks
	}
	if o.setbacks > most {
		o.failure, o.at, o.until, o.spent = err, now, o.rest, true
		o.rounds++
	}
}

// fail notes a failed attempt and says whether and when to try again.
func (o *outage) fail(now time.Time, err error, s settings.Settings, base time.Duration) (delay time.Duration, again bool) {
	o.failure, o.at = err, now
	if errors.Is(err, wire.ErrMalformed) {
		o.setBack(now, err, true, s, base)
		return o.rest.Sub(now), !o.spent
	}
	if now.Before(o.due) && !errors.Is(err, dest.ErrAuth) {
		return o.due.Sub(now), true
	}
	o.failed++
	if errors.Is(err, session.ErrNoReply) {
		// It was waited for as long as it takes, and what hangs seldom gets well by itself: the second time is half of all.
		o.failed += (s.MaxRetries - 1) / 2
	}
	var identity *auth.IdentityError
	if errors.As(err, &identity) {
		o.until, o.spent = time.Time{}, true // nothing was sent: looking at the file again does no harm
		return 0, false
	}
	if errors.Is(err, dest.ErrAuth) {
		o.until = now.Add(min(firstLockout<<min(2*o.refused, 20), maxLockout))
		o.refused++
		return 0, false
	}
	delay = o.backoff(base)
	if s.MaxRetries > 0 && o.failed > s.MaxRetries {
		// Whoever comes before the next attempt is due gets the same answer at once.
		o.spent, o.until = true, now.Add(min(delay, minRetryFactor*base))
		return 0, false
	}
	o.due = now.Add(delay)
	return delay, true
}

// backoff is the time before the next attempt. What worked before is worth waiting for: five retries then last more
// than a minute, which restarts take; a destination that never answered is given up sooner. The jitter keeps
// those that lost the server together from coming back together.
func (o *outage) backoff(base time.Duration) time.Duration {
	delay := base
	for i := 1; i < o.failed && delay < maxBackoff; i++ {
		delay *= 2
		if o.known {
			delay += delay / 2
		}
	}
	if o.known {
		delay *= 2
	}
	delay = min(delay, maxBackoff)
	return delay + rand.N(delay/4+1)
}
