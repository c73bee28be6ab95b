package passes

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/schedule"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
)

// targets is a fake that has nothing to make a pass over.
type targets struct {
	asked chan string   // who was asked for, if set
	hold  chan struct{} // answers wait for it, if set
	err   error
}

func (f *targets) Target(name string) (dest.Destination, engine.Engine, error) {
	if f.asked != nil {
		f.asked <- name
	}
	if f.hold != nil {
		<-f.hold
	}
	return nil, nil, f.err
}

func newRunner(t *testing.T, f *targets) *Runner {
	t.Helper()
	return &Runner{Targets: f, Dir: filepath.Join(t.TempDir(), "passes"), Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

// run makes passes and returns the Finished events by destination.
func run(r *Runner, ctx context.Context, names ...string) map[string]progress.Event {
	ended := map[string]progress.Event{}
	r.Run(ctx, Request{Destinations: names}, func(e progress.Event) {
		if e.Kind == progress.Finished {
			ended[e.Destination] = e
		}
	})
	return ended
}

func TestOneDestinationThatFailsDoesNotStopTheOthers(t *testing.T) {
	r := newRunner(t, &targets{err: exit.Hinted(dest.ErrUnreachable, "plug it in")})
	ended := run(r, context.Background(), "a", "b")
	for _, name := range []string{"a", "b"} {
		e := ended[name]
		if e.Code != exit.Unreachable || e.Hint != "plug it in" || !strings.Contains(e.Error, "index "+name) {
			t.Errorf("%s ended with %+v", name, e)
		}
		record, err := Last(r.Dir, name)
		if err != nil || record.Code != exit.Unreachable || record.Error == "" || record.Ended.Before(record.Began) {
			t.Errorf("record of %s: %+v, %v", name, record, err)
		}
		if r.Running(name) != nil {
			t.Errorf("%s still runs", name)
		}
	}
}

func TestSecondPassOverADestinationIsRefused(t *testing.T) {
	f := &targets{asked: make(chan string, 9), hold: make(chan struct{}), err: dest.ErrUnreachable}
	r := newRunner(t, f)
	first := make(chan map[string]progress.Event)
	go func() { first <- run(r, context.Background(), "a") }()
	<-f.asked
	if r.Running("a") == nil || r.Running("b") != nil {
		t.Error("Running does not tell what runs")
	}
	if e := run(r, context.Background(), "a")["a"]; e.Code != exit.Busy {
		t.Errorf("a second pass ended with %+v", e)
	}
	close(f.hold)
	if e := (<-first)["a"]; e.Code != exit.Unreachable {
		t.Errorf("the first pass ended with %+v", e)
	}
	if _, err := os.Stat(recordPath(r.Dir, "a")); err != nil {
		t.Error(err)
	}
}

func TestCancelledPassIsWaitedFor(t *testing.T) {
	f := &targets{asked: make(chan string, 9), hold: make(chan struct{}), err: dest.ErrUnreachable}
	r := newRunner(t, f)
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan map[string]progress.Event)
	go func() { first <- run(r, ctx, "a") }()
	<-f.asked
	cancel()
	second := make(chan map[string]progress.Event)
	go func() { second <- run(r, context.Background(), "a") }()
	close(f.hold)
	<-first
	if e := (<-second)["a"]; e.Code != exit.Unreachable {
		t.Errorf("the pass after it ended with %+v", e)
	}
}

func TestNothingBeginsAfterTheEnd(t *testing.T) {
	r := newRunner(t, &targets{err: errors.New("asked")})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ended := run(r, ctx, "a"); len(ended) != 0 {
		t.Errorf("began %v", ended)
	}
}

func TestForget(t *testing.T) {
	r := newRunner(t, &targets{err: dest.ErrAuth})
	run(r, context.Background(), "a")
	for range 2 {
		if err := Forget(r.Dir, "a"); err != nil {
			t.Error(err)
		}
	}
	if _, err := Last(r.Dir, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Forget: %v", err)
	}
}

// soon is due all the time.
type soon struct{}

func (soon) Next(t time.Time) time.Time { return t.Add(time.Millisecond) }

func TestSchedulerComesBackAndEndsWithItsContext(t *testing.T) {
	f := &targets{asked: make(chan string), err: dest.ErrUnreachable}
	r := newRunner(t, f)
	s := &Scheduler{Runner: r, Log: r.Log, Now: time.Now}
	ctx, cancel := context.WithCancel(context.Background())
	s.Set(ctx, map[string]schedule.Schedule{"a": soon{}})
	for range 3 {
		if got := <-f.asked; got != "a" {
			t.Errorf("a pass over %q", got)
		}
	}
	if _, ok := s.Due("a"); !ok {
		t.Error("a is not due")
	}
	s.Set(ctx, map[string]schedule.Schedule{"b": soon{}})
	for got := range f.asked { // one more of a may have been on its way
		if got == "b" {
			break
		}
	}
	if _, ok := s.Due("a"); ok {
		t.Error("a is due, but has no schedule")
	}
	cancel()
	go func() { // a pass that had begun asks once more
		for range f.asked {
		}
	}()
	s.Wait()
	close(f.asked)
}
