package exit

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"slotfs/cache/index"
	"slotfs/indexer/dest"
)

func TestCodeOfEachCause(t *testing.T) {
	plain := errors.New("read: input/output error")
	command := exec.Command("/bin/sh", "-c", "exit 4").Run()
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, Done},
		{"anything", plain, Failed},
		{"usage", fmt.Errorf("mount: %w", Usagef("no mountpoint")), Usage},
		{"unreachable below two layers", fmt.Errorf("a: %w", fmt.Errorf("b: %w", dest.ErrUnreachable)), Unreachable},
		{"authentication", fmt.Errorf("a: %w", dest.ErrAuth), Refused},
		{"index in use", fmt.Errorf("a: %w", index.ErrBusy), Busy},
		{"interrupted", fmt.Errorf("a: %w", context.Canceled), Interrupted},
		{"a hint does not hide the cause", Hinted(fmt.Errorf("x: %w", dest.ErrAuth), "do it"), Refused},
		{"a hint around a code", Hinted(With(plain, Partial, ""), "do it"), Partial},
		{"a command that was run", fmt.Errorf("a: %w", command), Failed},
		{"the outer code wins", With(fmt.Errorf("x: %w", dest.ErrAuth), Partial, ""), Partial},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("%s: code %d, want %d", c.name, got, c.want)
		}
	}
}

func TestHintComesFromWhoeverKnowsIt(t *testing.T) {
	inner := Hinted(errors.New("no"), "the inner cure")
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("no"), ""},
		{fmt.Errorf("outer: %w", inner), "the inner cure"},
		{With(fmt.Errorf("outer: %w", inner), Busy, ""), "the inner cure"},
		{Hinted(inner, "the outer cure"), "the outer cure"},
	} {
		if got := Hint(c.err); got != c.want {
			t.Errorf("hint of %v: %q, want %q", c.err, got, c.want)
		}
	}
	if Hint(fmt.Errorf("open: %w", index.ErrVersion)) == "" {
		t.Error("an index of another version has no cure")
	}
}

func TestMeaningsAreDistinct(t *testing.T) {
	seen := map[int]bool{}
	for _, m := range Meanings() {
		if seen[m.Code] || m.Text == "" {
			t.Errorf("code %d stands twice or has no text", m.Code)
		}
		seen[m.Code] = true
	}
}
