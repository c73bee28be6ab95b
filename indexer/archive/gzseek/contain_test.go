package gzseek

import (
	"strings"
	"testing"
)

// panicReader breaks in the goroutine that decodes.
type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("broken reader") }

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Point(*Point) error          { return nil }

func TestAPanicWhileDecodingIsAnErrorOfTheScan(t *testing.T) {
	err := NewScanner(nowhere{}).Run(t.Context(), panicReader{}, nil)
	if err == nil || !strings.Contains(err.Error(), "internal error: broken reader") {
		t.Errorf("%v", err)
	}
}
