package contain_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"slotfs/indexer/contain"
)

func TestAPanicBecomesAnErrorWithItsStack(t *testing.T) {
	err := contain.Do(func() error { panic("index out of range") })
	if err == nil || err.Error() != "internal error: index out of range" {
		t.Fatalf("%v", err)
	}
	if stack := contain.Stack(fmt.Errorf("span: %w", err)); !strings.Contains(stack, "TestAPanicBecomesAnErrorWithItsStack") {
		t.Errorf("stack %q", stack)
	}
	again := contain.Do(func() error { panic(err) })
	if again != err {
		t.Errorf("panicked with again: %v", again)
	}
}

func TestErrorsPassThrough(t *testing.T) {
	if err := contain.Do(func() error { return io.EOF }); err != io.EOF || contain.Stack(err) != "" {
		t.Errorf("%v", err)
	}
	if err := contain.Do(func() error { return nil }); err != nil {
		t.Error(err)
	}
	if err := contain.Do(func() error { panic(io.ErrNoProgress) }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("%v", err)
	}
}
