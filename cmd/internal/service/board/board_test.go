package board

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

type state struct {
	id, who string
	n       int
}

func anybody(*state) bool { return true }

func TestStatesAreToldNowAndThenAndWhereTheyMustBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int
		b := New(func(s state) { told = append(told, s.n) })
		b.Start(t.Context(), func(id string) state { return state{id: id} }, func(_ context.Context, w *Work[state]) {
			for range 10 {
				w.Change(false, func(s *state) { s.n++ })
				time.Sleep(tellEvery / 5)
			}
			w.Change(true, func(s *state) { s.n = 99 })
		})
		b.Wait()
		if len(told) != 3 || told[0] != 1 || told[1] != 6 || told[2] != 99 {
			t.Errorf("told %v", told)
		}
	})
}

func TestWorkIsCancelledByWhoMaySeeIt(t *testing.T) {
	b := New(func(state) {})
	s := b.Start(t.Context(), func(id string) state { return state{id: id, who: "alice"} }, func(ctx context.Context, w *Work[state]) {
		<-ctx.Done()
		w.Change(true, func(s *state) { s.n = 1 })
	})
	bob := func(s *state) bool { return s.who == "bob" }
	if _, ok := b.Cancel(s.id, bob); ok || len(b.List(bob)) != 0 {
		t.Error("bob sees what is alice's")
	}
	if _, ok := b.Cancel(s.id, anybody); !ok {
		t.Fatal("it is not there")
	}
	b.Wait()
	if now, ok := b.Get(s.id, anybody); !ok || now.n != 1 {
		t.Errorf("at the end: %+v", now)
	}
}

func TestWhatRunsIsNeverForgotten(t *testing.T) {
	b := New(func(state) {})
	first := b.Start(t.Context(), func(id string) state { return state{id: id} }, func(ctx context.Context, _ *Work[state]) { <-ctx.Done() })
	for range 3 * maxEnded {
		s := b.Start(t.Context(), func(id string) state { return state{id: id} }, func(context.Context, *Work[state]) {})
		for ended := false; !ended; { // so that it can be forgotten
			b.mu.Lock()
			ended = b.all[len(b.all)-1].ended
			b.mu.Unlock()
		}
		if all := b.List(anybody); all[0].id != s.id || len(all) > maxEnded {
			t.Fatalf("%d are kept, the newest is %s of %s", len(all), all[0].id, s.id)
		}
	}
	if _, ok := b.Cancel(first.id, anybody); !ok {
		t.Error("what runs was forgotten")
	}
	b.Wait()
}
