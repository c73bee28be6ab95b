package sftpdest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"slotfs/indexer/dest"
)

const (
	// busy is the load of a session from which a further one pays: half of the channel's window, beyond which
	// the distance and not the server decides how much comes.
	busy = 1 << 20
	// sessionsPerConn are opened before another connection is. OpenSSH allows 10 (MaxSessions).
	sessionsPerConn = 4
	// unlimited is how many connections are made at most where the settings allow any number.
	unlimited = 16
	// growing is how many sessions or connections are being opened side by side. OpenSSH drops log-ins at
	// random when there are many (MaxStartups).
	growing = 2

	longestBackoff = time.Minute
	// lockOut is how long nobody logs in again after a refusal: OpenSSH 9.8 and fail2ban ban for less.
	lockOut = 15 * time.Minute
)

// pool keeps the connections and sessions of a Destination.
type pool struct {
	settings Settings
	options  Options
	pins     *pins
	creds    *credentials
	ctx      context.Context // of everything in the background; ends with Close
	cancel   context.CancelFunc
	wg       sync.WaitGroup // of the goroutines that open

	mu         sync.Mutex // guards what follows
	conns      []*conn
	sessions   []*session
	most       int // connections
	opening    int // sessions or connections beyond the first
	connecting bool
	waiting    int           // calls that wait for a session
	changed    chan struct{} // closed and replaced when a wait may be over
	failure    error         // why there is no session
	until      time.Time     // until then failure is told without another attempt
	rounds     int           // of attempts that were given up
	failed     int           // attempts since the last success
	closed     bool
}

func newPool(s Settings, o Options, p *pins, creds *credentials) *pool {
	l := &pool{settings: s, options: o, pins: p, creds: creds, changed: make(chan struct{}), most: s.MaxConnections}
	if l.most == 0 {
		l.most = unlimited
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.wg.Add(1)
	go l.tend()
	return l
}

// acquire returns the session with the least to do, connecting if there is none.
func (l *pool) acquire(ctx context.Context) (*session, error) {
	l.mu.Lock()
	l.waiting++
	defer func() {
		l.waiting--
		l.mu.Unlock()
	}()
	rounds := l.rounds
	for {
		if l.closed {
			return nil, dest.ErrClosed
		}
		if s := l.least(nil); s != nil {
			if s.load.Load() > busy {
				l.grow()
			}
			return s, nil
		}
		if l.failure != nil && (rounds != l.rounds || time.Now().Before(l.until)) {
			return nil, l.failure
		}
		l.connect()
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
			l.mu.Lock()
		case <-ctx.Done():
			l.mu.Lock()
			return nil, l.waited(ctx)
		}
	}
}

// waited is the error of a call that ended before there was a session. It needs l.mu.
func (l *pool) waited(ctx context.Context) error {
	if l.failure != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &waitError{cause: l.failure, ctx: ctx.Err()}
	}
	return ctx.Err()
}

// waitError is a time-out whose cause is known.
type waitError struct{ cause, ctx error }

func (e *waitError) Error() string   { return e.cause.Error() }
func (e *waitError) Unwrap() []error { return []error{e.cause, e.ctx} }

// least returns the session with the least load that skip does not hold, or nil. It needs l.mu.
func (l *pool) least(skip func(*session) bool) *session {
	var best *session
	for _, s := range l.sessions {
		if !s.alive() || skip != nil && skip(s) {
			continue
		}
		if best == nil || s.load.Load() < best.load.Load() {
			best = s
		}
	}
	return best
}

// signal wakes everybody who waits. It needs l.mu.
func (l *pool) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// connect makes sure that somebody works on the first session. It needs l.mu.
func (l *pool) connect() {
	if l.connecting || l.closed {
		return
	}
	l.connecting = true
	l.wg.Add(1)
	go l.keepTrying()
}

// keepTrying makes connections until one works, the retries are used up, trying again would do harm, or nobody
// waits any more.
func (l *pool) keepTrying() {
	defer l.wg.Done()
	for {
		s, err := l.first()
		l.mu.Lock()
		if err == nil {
			l.failure, l.failed, l.connecting = nil, 0, false
			l.add(s)
			l.signal()
			l.mu.Unlock()
			return
		}
		delay, again := l.fail(err)
		if !again {
			l.connecting = false
			l.rounds++
			l.signal()
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		l.options.Log.Warn("connection", "host", l.settings.address(), "error", err, "retry", delay)
		if !l.sleep(delay) {
			return
		}
	}
}

// sleep waits before the next attempt; it ends the attempts when nobody is interested any more.
func (l *pool) sleep(delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.waiting == 0 {
		l.connecting = false
		l.signal()
		return false
	}
	return true
}

// fail notes a failed attempt and says whether and when to try again. It needs l.mu.
func (l *pool) fail(err error) (delay time.Duration, again bool) {
	l.failed++
	l.failure = err
	var identity *IdentityError
	if errors.Is(err, dest.ErrAuth) || errors.As(err, &identity) {
		l.until = time.Now().Add(lockOut)
		if errors.As(err, &identity) {
			l.until = time.Time{} // nothing was sent: looking at the file again does no harm
		}
		return 0, false
	}
	delay = min(l.options.Backoff<<min(l.failed-1, 20), longestBackoff)
	delay = delay/2 + rand.N(delay/2+1)
	if l.closed || l.settings.MaxRetries > 0 && l.failed > l.settings.MaxRetries {
		// Whoever comes before the next attempt is due gets the same answer at once.
		l.until = time.Now().Add(delay)
		return 0, false
	}
	return delay, true
}

// first opens a session: on a connection that is still there, which so proves itself, or on a new one.
func (l *pool) first() (*session, error) {
	l.mu.Lock()
	var c *conn
	for _, old := range l.conns {
		if old.alive() {
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
		c.close()
	}
	return l.dial()
}

// dial makes a connection and its first session.
func (l *pool) dial() (*session, error) {
	c, err := dial(l.ctx, l.settings, l.options, l.pins, l.creds)
	if err != nil {
		return nil, err
	}
	c.most, c.sessions = sessionsPerConn, 1
	l.mu.Lock()
	l.conns = append(l.conns, c)
	l.mu.Unlock()
	go func() {
		<-c.gone
		l.forget(c)
	}()
	s, err := l.open(c)
	if err != nil {
		c.close()
		return nil, &UnreachableError{Address: l.settings.address(), Err: err}
	}
	l.options.Log.Debug("connected", "host", l.settings.address())
	return s, nil
}

// open starts a session on c, which has been counted.
func (l *pool) open(c *conn) (*session, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.settings.ConnectionTimeout)
	defer cancel()
	s, err := c.newSession(ctx)
	if err != nil {
		l.mu.Lock()
		c.sessions--
		l.mu.Unlock()
	}
	return s, err
}

// add takes a session that proved itself. It needs l.mu.
func (l *pool) add(s *session) {
	if l.closed {
		s.fail(dest.ErrClosed)
		s.conn.close()
		return
	}
	s.conn.used = time.Now()
	l.sessions = append(l.sessions, s)
	go l.mourn(s)
	l.signal()
}

// mourn takes a session out of the pool when it is over.
func (l *pool) mourn(s *session) {
	<-s.lost
	l.mu.Lock()
	for i, other := range l.sessions {
		if other == s {
			l.sessions = append(l.sessions[:i], l.sessions[i+1:]...)
			break
		}
	}
	s.conn.sessions--
	l.mu.Unlock()
}

// forget takes a connection out of the pool.
func (l *pool) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.conns {
		if other == c {
			l.conns = append(l.conns[:i], l.conns[i+1:]...)
			return
		}
	}
}

// close ends everything without waiting for the network.
func (l *pool) close() {
	l.mu.Lock()
	l.closed = true
	conns := l.conns
	l.conns = nil
	sessions := append([]*session(nil), l.sessions...)
	l.signal()
	l.mu.Unlock()
	l.cancel()
	for _, s := range sessions {
		s.fail(dest.ErrClosed)
	}
	for _, c := range conns {
		c.close()
	}
	l.wg.Wait()
}
