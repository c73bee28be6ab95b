package session

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"slotfs/sftpdest/wire"
)

const (
	// minReplies is how many replies a session brings before it counts as one that got somewhere.
	minReplies = 16
	// MinRate is the rate, in bytes a second, below which a server is taken for one that holds us up.
	MinRate = 1 << 10
	// minNames is the same for the names of a directory a second.
	minNames = 10
)

// ErrSlow says that a server answers, and gets nowhere.
var ErrSlow = errors.New("the server is too slow to be waited for")

// Limits are how long a session may owe a reply.
type Limits struct {
	Quick time.Duration // when nothing is to be changed
	Slow  time.Duration // when something may have to reach a disk
}

// LastReply tells when the server was heard last, or asked, after it had answered everything.
func (s *Session) LastReply() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// Overdue reports whether the server owes a reply for too long: it answered nothing at all and sent less than a slow line would
// bring, or one request was passed over.
func (s *Session) Overdue(now time.Time, l Limits) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		return false
	}
	limit := l.Quick
	for _, r := range s.pending {
		if !r.quick {
			limit = max(limit, l.Slow)
		}
	}
	for _, r := range s.pending {
		if now.Sub(r.sent) > 2*limit+time.Duration(r.ahead+r.cost)*time.Second/MinRate {
			return true
		}
	}
	silent := now.Sub(s.heard)
	return silent > limit && float64(s.received.Load()-s.mark) < silent.Seconds()*MinRate
}

// WithoutProgress reports whether the session ended before it got anywhere, though it was asked for something, and whether it never
// answered or broke the protocol, which is nothing that passes.
func (s *Session) WithoutProgress() (unproductive, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	broken = s.owed && s.replies == 0 || errors.Is(s.err, wire.ErrMalformed)
	return broken || s.owed && s.replies < minReplies, broken
}

// counted counts what is read.
type counted struct {
	r     io.Reader
	bytes *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// RateCheck bounds how slowly the parts of one answer may come.
type RateCheck struct {
	began time.Time
	grace time.Duration // 0: no bound
}

func (s *Session) CheckRate() RateCheck { return RateCheck{time.Now(), 2 * s.config.Quick} }

// Check is ErrSlow if fewer than rate things a second came.
func (w RateCheck) Check(came int, rate float64, what string) error {
	took := time.Since(w.began)
	if w.grace == 0 || took < w.grace || float64(came) >= rate*took.Seconds() {
		return nil
	}
	return fmt.Errorf("%d %s in %v: %w", came, what, took.Round(time.Second), ErrSlow)
}
