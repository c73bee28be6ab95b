package store

import (
	"context"
	"sync"
	"time"

	"slotfs/indexer/dest"
)

// limiter spreads bytes over time.
type limiter struct {
	rate int64 // bytes a second; 0: no limit

	mu   sync.Mutex // guards what follows
	free time.Time  // when what was let through so far has had its time
}

// Wait returns when n bytes of content may be sent. States, manifests and journals do not wait: they would come behind all files
// that are ready to be sent.
func (l *limiter) Wait(ctx context.Context, n int) error {
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

// limited is a file that is written no faster than the limit lets it.
type limited struct {
	dest.WriteFile
	limit *limiter
}

func (f limited) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := f.limit.Wait(ctx, len(p)); err != nil {
		return 0, err
	}
	return f.WriteFile.WriteAt(ctx, p, off)
}

// CreateContent is Create for a file whose content counts against the bandwidth limit.
func (s *Store) CreateContent(ctx context.Context, p string, how dest.Create) (dest.WriteFile, error) {
	out, err := s.Create(ctx, p, how)
	if err != nil {
		return nil, err
	}
	return limited{out, &s.limiter}, nil
}
