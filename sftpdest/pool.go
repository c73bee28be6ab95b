package sftpdest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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
	// forgetLimit is how long a refused connection keeps others from being tried.
	forgetLimit = 15 * time.Minute
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
	files    openFiles
	names    *nameRoom
	starving atomic.Int32 // calls that wait for room for a handle
	lasting  atomic.Int32 // handles that stay open for long
	shortest atomic.Int64 // round trip that a session began with, in nanoseconds; 0: there was none
	// What the server was found not to do, whatever it offers: to rename over a file, to let permissions be chosen.
	plainRename, noModes atomic.Bool

	came chan struct{} // has one when a call came that waits for the first session

	mu       sync.Mutex // guards what follows
	conns    []*conn
	sessions []*session
	most     int           // connections
	opening  int           // sessions or connections beyond the first
	waiting  int           // calls that wait for a session
	changed  chan struct{} // closed and replaced when a wait may be over
	outage   outage
	closed   bool
}

func newPool(s Settings, o Options, p *pins, creds *credentials) *pool {
	l := &pool{settings: s, options: o, pins: p, creds: creds, names: newNameRoom(), most: s.MaxConnections, outage: outage{patience: o.Patience},
		came: make(chan struct{}, 1), changed: make(chan struct{})}
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
	rounds := l.outage.rounds
	for first := true; ; first = false {
		if l.closed {
			return nil, dest.ErrClosed
		}
		if s := l.least(nil); s != nil {
			// What is large keeps others waiting in one session.
			if trip := l.trip(); s.laden(trip) || len(l.sessions) < 2 && s.load.Load() > busy {
				l.grow()
			}
			return s, nil
		}
		wait, err := l.outage.ask(time.Now(), rounds)
		if err != nil {
			return nil, err
		}
		l.connect()
		if first {
			l.knock()
		}
		if err := l.await(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// trip is the round trip to the server.
func (l *pool) trip() time.Duration { return time.Duration(l.shortest.Load()) }

// await waits for a change, at most for wait if that is not 0. It needs l.mu and has it again when it returns.
func (l *pool) await(ctx context.Context, wait time.Duration) error {
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
func (l *pool) waited(ctx context.Context) error {
	if l.outage.failure != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &waitError{cause: l.outage.failure, ctx: ctx.Err()}
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
		if !s.alive() || s.doubted.Load() || skip != nil && skip(s) {
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

// first opens a session: on a connection that is still there, which so proves itself, or on a new one.
func (l *pool) first() (*session, error) {
	l.mu.Lock()
	var c *conn
	for _, old := range l.conns {
		if old.alive() && !old.lone {
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
	if c.lone {
		c.most = 1
	}
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
	if old := l.shortest.Load(); old == 0 || int64(s.trip) < old {
		l.shortest.Store(int64(s.trip))
	}
	l.sessions = append(l.sessions, s)
	s.limit = l.limits().quick
	s.proven = l.progress
	s.doubt = func() { l.doubt(s) }
	s.names = l.names
	if s.handles > 0 && s.handles < 1<<20 {
		s.room.Store(int32(s.handles))
	}
	go l.mourn(s)
	l.signal()
}

// mourn takes a session out of the pool when it is over.
func (l *pool) mourn(s *session) {
	<-s.lost
	fruitless, broken := s.fruitless()
	cause := s.lostBy()
	l.mu.Lock()
	if fruitless && !l.closed && !errors.Is(cause, dest.ErrNotRegular) {
		l.setBack(s, cause, broken)
	}
	for i, other := range l.sessions {
		if other == s {
			l.sessions = append(l.sessions[:i], l.sessions[i+1:]...)
			break
		}
	}
	s.conn.sessions--
	l.signal() // who waits for room in it finds none ever
	l.mu.Unlock()
	if s.conn.lone {
		s.conn.close()
	}
	l.doubtOthers(s)
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
