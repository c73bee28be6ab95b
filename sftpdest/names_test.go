package sftpdest

import (
	"context"
	"errors"
	"testing"
)

func TestOneListingAtATimeGoesBeyondTheSharedNames(t *testing.T) {
	room := newNameRoom()
	large, other, small := nameShare{room: room}, nameShare{room: room}, nameShare{room: room}
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
	if room.used.Load() != 0 || len(room.beyond) != 0 {
		t.Errorf("%d names and %d tokens stay behind", room.used.Load(), len(room.beyond))
	}
}
