package content

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"slotfs/indexer/dest"
)

// sick is a destination without a connection.
type sick struct {
	dest.Reader
	err error
}

func (s sick) Trouble() error { return s.err }

func TestEndOfAWaitTellsWhatIsWrongWithTheDestination(t *testing.T) {
	refused := errors.New("connection refused")
	r := &Reader{dest: sick{err: refused}}
	if err := r.why(t.Context(), io.ErrUnexpectedEOF); err != io.ErrUnexpectedEOF {
		t.Errorf("though nobody stopped waiting: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.why(ctx, ctx.Err())
	if !errors.Is(err, context.Canceled) || !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	if again := r.why(ctx, err); strings.Count(again.Error(), "refused") != 1 {
		t.Errorf("told twice: %v", again)
	}
	r.dest = sick{}
	if err := r.why(ctx, ctx.Err()); err != context.Canceled {
		t.Errorf("of a destination that is well: %v", err)
	}
}
