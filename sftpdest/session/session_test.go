package session

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestFarServersHaveMoreWaiting(t *testing.T) {
	if near, far := backlogLimit(20*time.Millisecond), backlogLimit(200*time.Millisecond); near != 512<<10 || far < 4*near {
		t.Errorf("%d bytes near, %d far", near, far)
	}
}

func TestSlowLineIsNoSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s := &Session{pending: map[uint32]*Request{1: {quick: true, sent: now, cost: 255 << 10}}, heard: now}
		l := Limits{Quick: 30 * time.Second, Slow: time.Minute}
		s.received.Store(8 << 20)
		s.mark = 8<<20 - 100<<10
		if s.Overdue(now.Add(50*time.Second), l) {
			t.Error("2 KiB a second are taken for silence")
		}
		s.mark = 8<<20 - 50
		if !s.Overdue(now.Add(50*time.Second), l) {
			t.Error("a byte a second is waited for")
		}
		s.pending[2] = &Request{sent: now} // something is written: a disk may take its time
		if s.Overdue(now.Add(50*time.Second), l) {
			t.Error("a disk is taken for silent")
		}
	})
}

func TestOneListingAtATimeGoesBeyondTheSharedNames(t *testing.T) {
	budget := NewNameBudget()
	large, other, small := nameShare{budget: budget}, nameShare{budget: budget}, nameShare{budget: budget}
	if _, err := small.grow(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if waited, err := large.grow(t.Context(), sharedNames); !waited || err != nil {
		t.Fatalf("the first one: %v %v", waited, err)
	}
	if waited, err := large.grow(t.Context(), mostNames); waited || err != nil {
		t.Errorf("the one that may: %v %v", waited, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := other.grow(over, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("another one: %v", err)
	}
	large.end()
	if _, err := other.grow(t.Context(), 1); err != nil {
		t.Errorf("behind it: %v", err)
	}
	other.end()
	small.end()
	if budget.used.Load() != 0 || len(budget.beyond) != 0 {
		t.Errorf("%d names and %d tokens stay behind", budget.used.Load(), len(budget.beyond))
	}
}

func TestCodesOfLaterVersionsAreUnderstood(t *testing.T) {
	for code, want := range map[uint32]error{
		2: fs.ErrNotExist, 10: fs.ErrNotExist, 19: fs.ErrNotExist, 3: fs.ErrPermission, 12: fs.ErrPermission, 11: fs.ErrExist,
		8: errors.ErrUnsupported, 14: syscall.ENOSPC, 15: syscall.EDQUOT, 18: syscall.ENOTEMPTY, 20: fs.ErrInvalid, 24: syscall.EISDIR,
	} {
		if err := error(&StatusError{code: code}); !errors.Is(err, want) {
			t.Errorf("%d: %v is not %v", code, err, want)
		}
	}
}
