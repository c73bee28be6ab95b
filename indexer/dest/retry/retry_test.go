package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/retry"
)

func TestOnlyALostConnectionIsRepeatedAndOnlySoOften(t *testing.T) {
	lost := fmt.Errorf("rename: %w", dest.ErrConnectionLost)
	silent := fmt.Errorf("%w: %w", lost, dest.ErrNoAnswer)
	other := errors.New("no space")
	tests := []struct {
		name  string
		fails []error // of the attempts; then they succeed
		want  error
		calls int
	}{
		{"success", nil, nil, 1},
		{"one loss", []error{lost}, nil, 2},
		{"as many losses as are put up with", []error{lost, lost}, nil, 3},
		{"one more", []error{lost, lost, lost}, dest.ErrConnectionLost, 3},
		{"another error", []error{other}, other, 1},
		{"another error behind a loss", []error{lost, other}, other, 2},
		{"unreachable", []error{dest.ErrUnreachable}, dest.ErrUnreachable, 1},
		{"silent once", []error{silent}, nil, 2},
		{"silent twice", []error{silent, silent}, dest.ErrNoAnswer, 2},
		{"silent, lost", []error{silent, lost}, nil, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			err := retry.Policy{Attempts: 3, Silent: 2}.Do(t.Context(), func() error {
				calls++
				if calls <= len(test.fails) {
					return test.fails[calls-1]
				}
				return nil
			})
			if !errors.Is(err, test.want) || calls != test.calls {
				t.Errorf("%d calls, %v, want %d, %v", calls, err, test.calls, test.want)
			}
		})
	}
}

func TestProgressAloneStartsTheCountAgain(t *testing.T) {
	for _, parts := range []int{0, 50} {
		calls, done := 0, 0
		err := retry.Policy{Attempts: 2, Silent: 1}.DoParts(t.Context(), func(progress func()) error {
			if calls++; done == parts {
				return dest.ErrConnectionLost
			}
			done++
			progress()
			return dest.ErrConnectionLost
		})
		// The loss that follows a part counts as the first one without progress.
		if want := max(2, parts+1); !errors.Is(err, dest.ErrConnectionLost) || calls != want {
			t.Errorf("%d parts: %d calls, %v, want %d", parts, calls, err, want)
		}
	}
}

func TestNothingIsRepeatedForACallerWhoLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := retry.Default.Do(ctx, func() error {
		calls++
		cancel()
		return dest.ErrConnectionLost
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}
