package indexer

import (
	"context"
	"errors"
	"testing"
)

func TestDirectoriesAreWalkedOneByOneWhenEntriesFillTheRoom(t *testing.T) {
	t.Parallel()
	var r room
	if alone, err := r.enter(t.Context()); alone || err != nil {
		t.Fatalf("empty: %v, %v", alone, err)
	}
	if err := r.take(sharedEntries); err != nil {
		t.Fatal(err)
	}
	alone, err := r.enter(t.Context())
	if !alone || err != nil {
		t.Fatalf("full: %v, %v", alone, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.enter(over); !errors.Is(err, context.Canceled) {
		t.Errorf("another one: %v", err)
	}
	if err := r.take(mostEntries); !errors.Is(err, errWide) {
		t.Errorf("more than can be: %v", err)
	}
	r.leave(alone)
	r.give(sharedEntries)
	if r.held.Load() != 0 || len(r.token) != 0 {
		t.Errorf("%d entries and %d tokens stay behind", r.held.Load(), len(r.token))
	}
}
