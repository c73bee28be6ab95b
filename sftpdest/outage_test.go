package sftpdest

import (
	"bytes"
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
)

func TestOutageOfWhatWorkedIsWaitedForLongerThanAMinute(t *testing.T) {
	s := Settings{MaxRetries: DefaultMaxRetries}
	down := &UnreachableError{Address: "h:22", Err: syscall.ECONNREFUSED}
	for known, least := range map[bool]time.Duration{true: time.Minute, false: 10 * time.Second} {
		o := outage{known: known, patience: time.Second}
		now := time.Unix(1e9, 0)
		var sum time.Duration
		tries := 0
		for again := true; again; tries++ {
			var delay time.Duration
			delay, again = o.fail(now, down, s, 500*time.Millisecond)
			if again {
				sum += delay
				now = now.Add(delay)
			}
			if delay > longestBackoff*5/4 {
				t.Errorf("a pause of %v", delay)
			}
		}
		if tries != s.MaxRetries+1 || sum < least {
			t.Errorf("known %v: %d attempts over %v", known, tries, sum)
		}
	}
}

func TestCallsAreToldAtOnceWhenTheRetriesAreUsedUp(t *testing.T) {
	now := time.Unix(1e9, 0)
	o := outage{patience: 5 * time.Second}
	if wait, err := o.ask(now, 0); wait != 0 || err != nil {
		t.Errorf("before any failure: %v, %v", wait, err)
	}
	down := errors.New("down")
	pause, _ := o.fail(now, down, Settings{MaxRetries: 1}, time.Second)
	if _, err := o.ask(now, 0); err != nil {
		t.Errorf("while retries last: %v", err)
	}
	now = now.Add(pause)
	o.fail(now, down, Settings{MaxRetries: 1}, time.Second)
	o.rounds++
	if _, err := o.ask(now, 0); err != down {
		t.Errorf("who waited is told %v", err)
	}
	if _, err := o.ask(now, 1); err != down {
		t.Errorf("who comes at once is told %v", err)
	}
	later := o.until.Add(time.Millisecond)
	if wait, err := o.ask(later, 1); wait != o.patience || err != nil {
		t.Errorf("the next attempt: %v, %v", wait, err)
	}
	o.connecting, o.began = true, later
	if wait, err := o.ask(later.Add(2*time.Second), 1); wait != 3*time.Second || err != nil {
		t.Errorf("during it: %v, %v", wait, err)
	}
	if _, err := o.ask(later.Add(6*time.Second), 1); err != down {
		t.Errorf("after patience: %v", err)
	}
	if wait, err := o.ask(now.Add(2*remembered), 1); wait != 0 || err != nil {
		t.Errorf("old news: %v, %v", wait, err)
	}
	o.succeed()
	if wait, err := o.ask(later, 1); wait != 0 || err != nil {
		t.Errorf("after a success: %v, %v", wait, err)
	}
}

func TestRefusedLogInsComeFurtherAndFurtherApart(t *testing.T) {
	o := outage{}
	now := time.Unix(1e9, 0)
	var pauses []time.Duration
	for range 4 {
		if _, again := o.fail(now, &AuthError{}, Settings{}, time.Second); again {
			t.Error("a refused log-in is repeated")
		}
		pauses = append(pauses, o.until.Sub(now))
	}
	for i, want := range []time.Duration{time.Minute, 4 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		if pauses[i] != want {
			t.Errorf("pauses %v", pauses)
			break
		}
	}
}

func TestAttemptsAheadOfTheirTimeCostNoRetry(t *testing.T) {
	o := outage{known: true}
	now := time.Unix(1e9, 0)
	down := errors.New("down")
	pause, _ := o.fail(now, down, Settings{MaxRetries: 1}, time.Second)
	for left := pause; left > 0; left -= time.Millisecond {
		if delay, again := o.fail(now.Add(pause-left), down, Settings{MaxRetries: 1}, time.Second); !again || delay != left {
			t.Fatalf("%v before the retry: wait for %v, again %v", left, delay, again)
		}
	}
	if _, again := o.fail(now.Add(pause), &AuthError{}, Settings{MaxRetries: 1}, time.Second); again {
		t.Error("a refused log-in is repeated")
	}
}

// deadPool has a destination that answers nothing, and notes when it was tried.
func deadPool(t *testing.T, s Settings) (l *pool, tried func() []time.Duration) {
	t.Helper()
	began := time.Now()
	var mu sync.Mutex // guards all
	var all []time.Duration
	s.Host, s.Username, s.Password = "h", "u", "p"
	o := Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, time.Since(began))
		return nil, syscall.ECONNREFUSED
	}}
	l = newPool(s, o.withDefaults(), &pins{}, &credentials{settings: s})
	l.outage.known = true
	t.Cleanup(l.close)
	return l, func() []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestWhoeverWaitsHasADeadDestinationTriedEveryFewSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tried := deadPool(t, Settings{MaxRetries: DefaultMaxRetries})
		_, err := l.acquire(t.Context())
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

func TestOutageAtTheStartIsWaitedForWhereTheDestinationIsKnown(t *testing.T) {
	for known, least := range map[bool]time.Duration{false: 10 * time.Second, true: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			o := Options{Known: known, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }}
			d, err := New(Settings{Host: "h", Username: "u", Password: "p", MaxRetries: DefaultMaxRetries}, o)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			began := time.Now()
			err = d.Connect(t.Context())
			if took := time.Since(began); !errors.Is(err, dest.ErrUnreachable) || took < least || took > 3*least {
				t.Errorf("known %v: %v after %v", known, err, took)
			}
		})
	}
}

func TestWhoeverComesHasADeadDestinationTriedAtOnceButNotMoreThanOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tried := deadPool(t, Settings{})
		go l.acquire(t.Context())
		time.Sleep(100 * time.Second) // the pauses have grown
		before := len(tried())
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			go l.acquire(t.Context())
		}
		if n := len(tried()) - before; n < 8 || n > 11 {
			t.Errorf("tried %d times in ten seconds in which many came", n)
		}
	})
}

func TestReadGoesOnAfterASilentNetwork(t *testing.T) {
	s, _, link, content := remoteFile(t, 4<<20, 0)
	s.ConnectionTimeout = 300 * time.Millisecond
	s.MaxRetries = 0
	d := newDest(t, s, Options{KeepAlive: 20 * time.Millisecond, Idle: 100 * time.Millisecond, Backoff: 5 * time.Millisecond})
	f := openFile(t, d)
	link.Stall()
	time.AfterFunc(600*time.Millisecond, link.Resume)
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			p := make([]byte, len(content))
			if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
				t.Errorf("ReadAt: %v", err)
			}
		}()
	}
	wg.Wait()
}

func TestDeadDestinationAnswersThousandsAndThenWorksAgain(t *testing.T) {
	s, server, _, _ := remoteFile(t, 1000, 0)
	s.MaxRetries = 1
	d := newDest(t, s, Options{Backoff: time.Millisecond})
	if err := d.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	var wg sync.WaitGroup
	for range 3000 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := d.List(t.Context(), ""); !errors.Is(err, dest.ErrUnreachable) {
				t.Errorf("List: %v", err)
			}
		}()
	}
	wg.Wait()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := d.Connect(context.Background()); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond) // the attempt that is due
	}
	t.Error("it does not work again")
}
