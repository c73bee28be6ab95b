package jobs

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	exitcode "slotfs/cmd/internal/exit"
)

func TestAJobIsNotRunTwiceAtOnceAndSaysHowItEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	script := "exec sleep 1000" // nothing is left that holds its output
	l := &Launches{Command: func(ctx context.Context, _ ...string) (*exec.Cmd, error) {
		return exec.CommandContext(ctx, "sh", "-c", script), nil
	}}
	if _, err := l.Start(ctx, "nightly"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Start(ctx, "nightly"); !errors.Is(err, ErrRuns) || exitcode.Code(err) != exitcode.Busy {
		t.Errorf("a second run: %v", err)
	}
	if r := l.Of("nightly"); r == nil || r.Ended != nil {
		t.Errorf("while it runs: %+v", r)
	}
	cancel()
	l.Wait()
	script = "echo no room >&2; exit 3"
	if _, err := l.Start(t.Context(), "nightly"); err != nil {
		t.Fatal(err)
	}
	l.Wait()
	if r := l.Of("nightly"); r.Ended == nil || r.Code != 3 || r.Error != "no room" {
		t.Errorf("after it ended: %+v", r)
	}
	if l.Of("other") != nil {
		t.Error("a job that was not run has a run")
	}
}
