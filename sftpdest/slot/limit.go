package slot

import (
	"context"
	"sync"
	"time"
)

// limiter spreads bytes over time.
type limiter struct {
	rate int64 // bytes a second; 0: no limit

	mu   sync.Mutex // guards what follows
	free time.Time  // when what was let through so far has had its time
}

func newLimiter(rate int64) *limiter { return &limiter{rate: rate} }

// wait returns when n bytes may be sent.
func (l *limiter) wait(ctx context.Context, n int) error {
	if l.rate <= 0 || n == 0 {
		return ctx.Err()
	}
	l.mu.Lock()
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	delay := l.free.Sub(now)
	l.free = l.free.Add(time.Duration(float64(n) / float64(l.rate) * float64(time.Second)))
	l.mu.Unlock()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
