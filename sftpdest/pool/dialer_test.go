package pool

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/settings"
)

// deadPool has a destination that answers nothing, and notes when it was tried.
func deadPool(t *testing.T, s settings.Settings) (l *Pool, tried func() []time.Duration) {
	t.Helper()
	began := time.Now()
	var mu sync.Mutex // guards all
	var all []time.Duration
	s.Host, s.Username, s.Password = "h", "u", "p"
	o := settings.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, time.Since(began))
		return nil, syscall.ECONNREFUSED
	}}
	l = New(s, o.WithDefaults(), &auth.Pins{}, auth.NewCredentials(s, ""), func() bool { return false })
	l.outage.known = true
	t.Cleanup(l.Close)
	return l, func() []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestWhoeverWaitsHasADeadDestinationTriedEveryFewSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tried := deadPool(t, settings.Settings{MaxRetries: settings.DefaultMaxRetries})
		_, err := l.Acquire(t.Context())
		if !errors.Is(err, dest.ErrUnreachable) {
			t.Errorf("acquire: %v", err)
		}
		last := time.Duration(0)
		for _, at := range tried() {
			if at-last > 6*time.Second {
				t.Errorf("nothing was tried from %v to %v", last, at)
			}
			last = at
		}
		if last < time.Minute {
			t.Errorf("given up after %v", last)
		}
	})
}

func TestWhoeverComesHasADeadDestinationTriedAtOnceButNotMoreThanOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tried := deadPool(t, settings.Settings{})
		go l.Acquire(t.Context())
		time.Sleep(100 * time.Second) // the pauses have grown
		before := len(tried())
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			go l.Acquire(t.Context())
		}
		if n := len(tried()) - before; n < 8 || n > 11 {
			t.Errorf("tried %d times in ten seconds in which many came", n)
		}
	})
}
