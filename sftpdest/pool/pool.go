// Package pool keeps the connections and sessions of a destination: it makes them, backs off, checks their health, replaces those that were
// lost, and knows how many files the server lets be open. It knows no path and no file.
package pool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/settings"
)

const (
	// sessionsPerConn are opened before another connection is. OpenSSH allows 10 (MaxSessions).
	sessionsPerConn = 4
	// defaultMaxConns is how many connections are made at most where the settings allow any number.
	defaultMaxConns = 16
	// maxOpening is how many sessions or connections are being opened side by side. OpenSSH drops log-ins at
	// random when there are many (MaxStartups).
	maxOpening = 2
	// connLimitTTL is how long a refused connection keeps others from being tried.
	connLimitTTL = 15 * time.Minute
)

// Pool keeps the connections and sessions of a Destination.
type Pool struct {
	settings  settings.Settings
	options   settings.Options
	pins      *auth.Pins
	creds     *auth.Credentials
	ctx       context.Context // of everything in the background; ends with Close
	cancel    context.CancelFunc
	wg        sync.WaitGroup // of the goroutines that open
	names     *session.NameBudget
	evict     func() bool
	waiters   atomic.Int32 // calls that wait until a handle is closed
	longLived atomic.Int32 // handles that stay open for long
	minRTT    atomic.Int64 // round trip that a session began with, in nanoseconds; 0: there was none

	newCaller chan struct{} // has one when a call came that waits for the first session

	mu sync.Mutex
	// mu guards what follows.
	conns    []*conn
	sessions []*Session
	maxConns int           // that the settings and the server allow
	opening  int           // sessions or connections beyond the first
	waiting  int           // calls that wait for a session
	changed  chan struct{} // closed and replaced when a wait may be over
	outage   outage
	retries  int64 // attempts to connect that followed one that had failed
	closed   bool
}

// New prepares a pool, which connects when a session is asked for. evict closes a handle that nobody uses, and reports whether there was
// one.
func New(s settings.Settings, o settings.Options, p *auth.Pins, creds *auth.Credentials, evict func() bool) *Pool {
	l := &Pool{settings: s, options: o, pins: p, creds: creds, evict: evict, names: session.NewNameBudget(), maxConns: s.MaxConnections,
		outage:    outage{patience: o.Patience, known: o.Known},
		newCaller: make(chan struct{}, 1), changed: make(chan struct{})}
	if l.maxConns == 0 {
		l.maxConns = defaultMaxConns
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.wg.Add(1)
	go l.maintain()
	return l
}

// Acquire returns the session with the least to do, connecting if there is none.
func (l *Pool) Acquire(ctx context.Context) (*Session, error) {
	l.mu.Lock()
	l.waiting++
	defer func() {
		l.waiting--
		l.mu.Unlock()
	}()
	rounds := l.outage.rounds
	for first := true; ; first = false {
		if l.closed {
			return nil, dest.ErrClosed
		}
		if s := l.leastLoaded(nil); s != nil {
			// What is large keeps others waiting in one session.
			if s.Overloaded(l.RTT()) || len(l.sessions) < 2 && s.Busy() {
				l.addSession()
			}
			return s, nil
		}
		wait, err := l.outage.ask(time.Now(), rounds)
		if err != nil {
			return nil, err
		}
		l.connect()
		if first {
			l.notifyDialer()
		}
		if err := l.await(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// RTT is the round trip to the server.
func (l *Pool) RTT() time.Duration { return time.Duration(l.minRTT.Load()) }

// await waits for a change, at most for wait if that is not 0. It needs l.mu and has it again when it returns.
func (l *Pool) await(ctx context.Context, wait time.Duration) error {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	changed := l.changed
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-changed:
	case <-over:
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.waited(ctx)
	}
	return nil
}

// waited is the error of a call that ended before there was a session. It needs l.mu.
func (l *Pool) waited(ctx context.Context) error {
	if l.outage.failure != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &waitError{cause: l.outage.failure, ctx: ctx.Err()}
	}
	return ctx.Err()
}

// waitError is a time-out whose cause is known.
type waitError struct{ cause, ctx error }

func (e *waitError) Error() string { return e.cause.Error() }

func (e *waitError) Unwrap() []error { return []error{e.cause, e.ctx} }

// leastLoaded returns the session with the least load for which skip is false, or nil. It needs l.mu.
func (l *Pool) leastLoaded(skip func(*Session) bool) *Session {
	var best *Session
	for _, s := range l.sessions {
		if !s.Alive() || s.suspect.Load() || skip != nil && skip(s) {
			continue
		}
		if best == nil || s.Load() < best.Load() {
			best = s
		}
	}
	return best
}

// Trouble tells why there is no connection, if the last attempt to make one failed.
func (l *Pool) Trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.outage.failure
}

// Counts is how many connections and sessions there are.
func (l *Pool) Counts() (conns, sessions int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns), len(l.sessions)
}

// signal wakes everybody who waits. It needs l.mu.
func (l *Pool) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// add takes a session that proved itself. It needs l.mu.
func (l *Pool) add(s *Session) {
	if l.closed {
		s.Fail(dest.ErrClosed)
		s.conn.Close()
		return
	}
	s.conn.used = time.Now()
	if old := l.minRTT.Load(); old == 0 || int64(s.RTT()) < old {
		l.minRTT.Store(int64(s.RTT()))
	}
	l.sessions = append(l.sessions, s)
	if s.HandleLimit() > 0 && s.HandleLimit() < 1<<20 {
		s.limit.Store(int32(s.HandleLimit()))
	}
	go l.onSessionClosed(s)
	l.signal()
}

// Close ends everything without waiting for the network.
func (l *Pool) Close() {
	l.mu.Lock()
	l.closed = true
	conns := l.conns
	l.conns = nil
	sessions := append([]*Session(nil), l.sessions...)
	l.signal()
	l.mu.Unlock()
	l.cancel()
	for _, s := range sessions {
		s.Fail(dest.ErrClosed)
	}
	for _, c := range conns {
		c.Close()
	}
	l.wg.Wait()
}
