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
	gs := destinationLimiters{patience: 10 * time.Second, now: func() time.Time { return now }}
	g := gs.of("box")
	var places []*list.Element
	for range 2 * silentReads {
		p, err := g.enter(readRange{})
		must(t, err)
		places = append(places, p)
	}
	surplus := func() (n int) {
		for _, p := range places {
			if g.shouldYield(p) {
				n++
			}
		}
		return n
	}
	now = now.Add(9 * time.Second)
	g.leave(places[0], true)
	places = places[1:]
	now = now.Add(9 * time.Second)
	more, err := g.enter(readRange{})
	if places = append(places, more); err != nil || surplus() != 0 {
		t.Errorf("slow but not silent: %v, %d to give way", err, surplus())
	}
	now = now.Add(2 * time.Second)
	if _, err := g.enter(readRange{}); !errors.Is(err, errSilent) || surplus() != silentReads {
		t.Errorf("silent: %v, %d to give way", err, surplus())
	}
	if _, err := gs.of("well").enter(readRange{}); err != nil {
		t.Errorf("another destination: %v", err)
	}
	for _, p := range places[silentReads-1:] {
		g.leave(p, false)
	}
	if _, err := g.enter(readRange{}); err != nil {
		t.Errorf("few enough wait: %v", err)
	}
}

func TestAfterADeadlineOthersLearnSooner(t *testing.T) {
	gs := destinationLimiters{patience: 10 * time.Second, now: func() time.Time { return fstest.Time }}
	g := gs.of("box")
	place, err := g.enter(readRange{})
	must(t, err)
	if got := g.deadline(time.Minute); got != time.Minute {
		t.Errorf("at first: %v", got)
	}
	g.timeoutHit(readRange{}, 0)
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

func TestWhoWaitedForAPageBehindOthersFailsWithThem(t *testing.T) {
	now := fstest.Time
	gs := destinationLimiters{patience: 10 * time.Second, now: func() time.Time { return now }}
	g := gs.of("box")
	ahead := readRange{node: 1, off: 4096, n: 8192, opened: 1}
	place, err := g.enter(ahead)
	must(t, err)
	if _, err := g.enter(readRange{node: 1, off: 4096, n: 4096, opened: 2}); err != nil {
		t.Errorf("while it waits: %v", err)
	}
	g.timeoutHit(ahead, 2)
	g.leave(place, false)
	for want, refused := range map[readRange]bool{
		{node: 1, off: 4096, n: 4096, opened: 2}:    true,
		{node: 1, off: 8192, n: 1 << 20, opened: 1}: true,
		{node: 1, off: 0, n: 4096, opened: 2}:       false,
		{node: 1, off: 12288, n: 4096, opened: 2}:   false,
		{node: 2, off: 4096, n: 4096, opened: 2}:    false,
		{node: 1, off: 4096, n: 4096, opened: 3}:    false, // opened after it
	} {
		place, err := g.enter(want)
		if errors.Is(err, errDeadline) != refused {
			t.Errorf("%+v: %v", want, err)
		}
		if err == nil {
			g.leave(place, false)
		}
	}
	now = now.Add(sameWaitWindow)
	if _, err := g.enter(ahead); err != nil {
		t.Errorf("later: %v", err)
	}
}

func TestAnAnswerEndsTheWaitInVain(t *testing.T) {
	gs := destinationLimiters{patience: 10 * time.Second, now: func() time.Time { return fstest.Time }}
	g := gs.of("box")
	want := readRange{node: 1, n: 4096, opened: 1}
	place, err := g.enter(want)
	must(t, err)
	g.timeoutHit(want, 1)
	g.leave(place, true)
	if _, err := g.enter(want); err != nil {
		t.Error(err)
	}
}
