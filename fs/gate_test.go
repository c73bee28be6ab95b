package fs

import (
	"container/list"
	"errors"
	"testing"
	"time"

	"slotfs/fs/fstest"
)

func TestAGateClosesForASilentDestinationOnly(t *testing.T) {
	now := fstest.Time
	gs := gates{patience: 10 * time.Second, now: func() time.Time { return now }}
	g := gs.of("box")
	var places []*list.Element
	for range 2 * silentReads {
		p, err := g.enter()
		must(t, err)
		places = append(places, p)
	}
	surplus := func() (n int) {
		for _, p := range places {
			if g.surplus(p) {
				n++
			}
		}
		return n
	}
	now = now.Add(9 * time.Second)
	g.leave(places[0], true)
	places = places[1:]
	now = now.Add(9 * time.Second)
	more, err := g.enter()
	if places = append(places, more); err != nil || surplus() != 0 {
		t.Errorf("slow but not silent: %v, %d to give way", err, surplus())
	}
	now = now.Add(2 * time.Second)
	if _, err := g.enter(); !errors.Is(err, errSilent) || surplus() != silentReads {
		t.Errorf("silent: %v, %d to give way", err, surplus())
	}
	if _, err := gs.of("well").enter(); err != nil {
		t.Errorf("another destination: %v", err)
	}
	for _, p := range places[silentReads-1:] {
		g.leave(p, false)
	}
	if _, err := g.enter(); err != nil {
		t.Errorf("few enough wait: %v", err)
	}
}

func TestAfterADeadlineOthersLearnSooner(t *testing.T) {
	gs := gates{patience: 10 * time.Second, now: func() time.Time { return fstest.Time }}
	g := gs.of("box")
	place, err := g.enter()
	must(t, err)
	if got := g.deadline(time.Minute); got != time.Minute {
		t.Errorf("at first: %v", got)
	}
	g.missed()
	if got := g.deadline(time.Minute); got != 10*time.Second {
		t.Errorf("after a deadline: %v", got)
	}
	if got := g.deadline(time.Second); got != time.Second {
		t.Errorf("a deadline shorter than patience: %v", got)
	}
	g.leave(place, true)
	if got := g.deadline(time.Minute); got != time.Minute {
		t.Errorf("after an answer: %v", got)
	}
}
