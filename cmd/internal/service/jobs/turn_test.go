package jobs

import (
	"errors"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
)

type noProgress struct{ Progress }

func (noProgress) Position(int, int) {}

func TestNoAccountBeginsAfterTheWindow(t *testing.T) {
	accounts := []Account{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	w := &run{Sync: &Sync{}, job: &config.Job{}, show: noProgress{}, until: time.Now().Add(time.Hour)}
	if a, ok := w.next(t.Context(), accounts); !ok || a.Name != "a" {
		t.Fatalf("inside the window: %v", a)
	}
	w.until = time.Now().Add(-time.Second)
	if a, ok := w.next(t.Context(), accounts); ok || !errors.Is(w.lost, errWindow) || w.begun != 1 {
		t.Errorf("after the window: %v, %v, %d begun", a, w.lost, w.begun)
	}
}

// What a window left out comes first in the next one, also where it fails each time.
func TestAccountsTakeTurnsWhereTheWindowIsTooShortForAll(t *testing.T) {
	last, begun := LastRun(nil), map[string]int{} // the night before
	for night := 1; night <= 30; night++ {
		all := []Account{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}}
		last.longestAgoFirst(all)
		for _, a := range all[:2] {
			begun[a.Name] = night
		}
		last = last.with(all, 2, time.Unix(int64(1000+night), 0))
		for _, a := range all {
			if night-begun[a.Name] > 2 {
				t.Errorf("night %d: %s was begun with in night %d", night, a.Name, begun[a.Name])
			}
		}
	}
}

func TestAnAccountThatAClockAheadBeganWithTakesItsTurnAgain(t *testing.T) {
	all := []Account{{Name: "a"}, {Name: "b"}}
	last := LastRun(nil).with(all, 1, time.Unix(5000, 0)) // a
	for night := range 4 {
		last.longestAgoFirst(all)
		last = last.with(all, 1, time.Unix(int64(1000+night), 0))
		if night > 1 && all[0].Name == "a" {
			return
		}
	}
	t.Error("its turn never comes")
}

func TestTheNameOfAMachineIsNoPath(t *testing.T) {
	if got := ticketName("../srv1.example.com\n"); got != "---srv1-example-com-" {
		t.Errorf("got %q", got)
	}
}
