package hooks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCommandSeesItsEnvironmentAndIsHeard(t *testing.T) {
	var heard []string
	h := Hook{Text: `echo "$A"; pwd; printf 'no end' >&2`, Env: map[string]string{"A": "x y"}, Say: func(l string) { heard = append(heard, l) }}
	if err := h.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"x y", "/", "no end"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

func TestErrorHasTheLastLineAndNotTheCommand(t *testing.T) {
	h := Hook{Text: `true --password=hunter2; echo one; echo "no such database" >&2; echo; exit 7`}
	err := h.Run(context.Background())
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 7: no such database") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error is %v", err)
	}
}

func TestLongLinesAreBounded(t *testing.T) {
	longest := 0
	h := Hook{Text: `head -c 5000000 /dev/zero | tr '\0' x`, Say: func(l string) { longest = max(longest, len(l)) }}
	if err := h.Run(context.Background()); err != nil || longest != maxLine {
		t.Errorf("longest line %d, %v", longest, err)
	}
}

func TestCancelEndsWhatTheCommandStarted(t *testing.T) {
	alive := filepath.Join(t.TempDir(), "alive")
	ctx, cancel := context.WithCancel(context.Background())
	h := Hook{Text: `(while :; do touch "$ALIVE"; sleep 0.05; done) & echo go; wait`, Env: map[string]string{"ALIVE": alive},
		Say: func(string) { cancel() }}
	if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	os.Remove(alive)
	time.Sleep(200 * time.Millisecond)
	if _, err := os.Stat(alive); err == nil {
		t.Error("what the command started goes on")
	}
}
