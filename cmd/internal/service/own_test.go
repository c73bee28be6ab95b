package service

import (
	"context"
	"errors"
	"testing"
	"time"

	"slotfs/cache/index"
)

func TestAnOwnerThatEndsIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	owner, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	var x *index.Index
	err = retryWhileEnding(t.Context(), func() (again bool, err error) {
		if tries++; tries == 3 {
			if err := owner.Close(); err != nil {
				return false, err
			}
		}
		x, err = index.Open(dir, index.Options{})
		return errors.Is(err, index.ErrBusy), err
	})
	if err != nil || tries != 3 {
		t.Fatalf("%d tries: %v", tries, err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

func TestWaitingForAnOwnerEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	busy := errors.New("busy")
	if err := retryWhileEnding(ctx, func() (bool, error) { return true, busy }); !errors.Is(err, busy) {
		t.Errorf("%v", err)
	}
}
