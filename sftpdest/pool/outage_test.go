package pool

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/settings"
)

func TestOutageOfWhatWorkedIsWaitedForLongerThanAMinute(t *testing.T) {
	s := settings.Settings{MaxRetries: settings.DefaultMaxRetries}
	down := &auth.UnreachableError{Address: "h:22", Err: syscall.ECONNREFUSED}
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
			if delay > maxBackoff*5/4 {
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
	pause, _ := o.fail(now, down, settings.Settings{MaxRetries: 1}, time.Second)
	if _, err := o.ask(now, 0); err != nil {
		t.Errorf("while retries last: %v", err)
	}
	now = now.Add(pause)
	o.fail(now, down, settings.Settings{MaxRetries: 1}, time.Second)
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
	if wait, err := o.ask(now.Add(2*failureTTL), 1); wait != 0 || err != nil {
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
		if _, again := o.fail(now, &auth.AuthError{}, settings.Settings{}, time.Second); again {
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
	pause, _ := o.fail(now, down, settings.Settings{MaxRetries: 1}, time.Second)
	for left := pause; left > 0; left -= time.Millisecond {
		if delay, again := o.fail(now.Add(pause-left), down, settings.Settings{MaxRetries: 1}, time.Second); !again || delay != left {
			t.Fatalf("%v before the retry: wait for %v, again %v", left, delay, again)
		}
	}
	if _, again := o.fail(now.Add(pause), &auth.AuthError{}, settings.Settings{MaxRetries: 1}, time.Second); again {
		t.Error("a refused log-in is repeated")
	}
}
