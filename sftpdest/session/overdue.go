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
	// minReplies is how many replies a session must bring to count as progress.
	minReplies = 16
	// MinRate is the rate, in bytes per second, below which a server is dropped as too slow.
	MinRate = 1 << 10
	// minNames is the same for listings, in names per second.
	minNames = 10
)

// ErrSlow says that a server answers, but below MinRate or minNames.
var ErrSlow = errors.New("the server is too slow to be waited for")

// Limits are how long a session may owe a reply.
type Limits struct {
	Quick time.Duration // when nothing is to be changed
	Slow  time.Duration // when something may have to reach a disk
}

// LastReply is the time of the last reply, or of the first request after everything had been answered.
func (s *Session) LastReply() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// Overdue reports whether the server owes a reply for too long: either nothing was answered and fewer bytes arrived than over a slow line,
// or one request was never answered while others were.
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

// WithoutProgress reports whether the session ended with requests unanswered before it had brought minReplies, and whether the server is
// broken: it never answered, or violated the protocol, which waiting does not cure.
func (s *Session) WithoutProgress() (unproductive, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	broken = s.owed && s.replies == 0 || errors.Is(s.err, wire.ErrMalformed)
	return broken || s.owed && s.replies < minReplies, broken
}

// counted is a reader that counts bytes.
type counted struct {
	r     io.Reader
	bytes *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// RateCheck measures how fast the parts of one answer arrive, from when it was made.
type RateCheck struct {
	began time.Time
	grace time.Duration // 0: no bound
}

func (s *Session) CheckRate() RateCheck { return RateCheck{time.Now(), 2 * s.config.Quick} }

// Check is ErrSlow if fewer than rate things per second arrived, came of them until now.
func (w RateCheck) Check(came int, rate float64, what string) error {
	took := time.Since(w.began)
	if w.grace == 0 || took < w.grace || float64(came) >= rate*took.Seconds() {
		return nil
	}
	return fmt.Errorf("%d %s in %v: %w", came, what, took.Round(time.Second), ErrSlow)
}
