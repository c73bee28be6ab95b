package retention

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func day(n int) time.Time { return time.Date(2026, 1, n, 2, 0, 0, 0, time.UTC) }

// daily are complete slots, number and generation n made on day n.
func daily(n int) (slots []Slot) {
	for i := 1; i <= n; i++ {
		slots = append(slots, Slot{Number: i, Gen: uint64(i), Time: day(i)})
	}
	return slots
}

func with(slots []Slot, change func(s []Slot)) []Slot {
	change(slots)
	return slots
}

func TestChoice(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy Policy
		slots  []Slot
		now    time.Time
		want   Choice
	}{
		{"the first", Policy{Last: 3}, nil, day(9), Choice{1, true, "0 of 3 slots are there"}},
		{"a gap in the numbers", Policy{Last: 3}, with(daily(3), func(s []Slot) { s[1].Condition = Deleting }), day(9), Choice{4, true, "2 of 3 slots are there"}},
		{"the oldest", Policy{Last: 3}, daily(3), day(4), Choice{1, false, "the oldest"}},
		{"a spare for one backup", Policy{Last: 1}, daily(2), day(4), Choice{1, false, "the oldest"}},
		{"the oldest but the pinned", Policy{Last: 3}, with(daily(3), func(s []Slot) { s[0].Pinned = true }), day(4),
			Choice{2, false, "the oldest that is not pinned or being read"}},
		{"the newest goes last", Policy{Last: 2}, with(daily(2), func(s []Slot) { s[0].Held = true }), day(4), Choice{2, false, "all others are pinned or being read"}},
		{"interrupted before damaged", Policy{Last: 3}, with(daily(3), func(s []Slot) { s[0].Condition, s[2].Condition = Damaged, Interrupted }), day(4),
			Choice{3, false, "a run was writing it and did not end"}},
		{"damaged before free", Policy{Last: 3}, with(daily(2), func(s []Slot) { s[1].Condition = Damaged }), day(4), Choice{2, false, "it is damaged"}},
		{"unreadable", Policy{Last: 2}, with(daily(2), func(s []Slot) { s[1].Condition = Unreadable }), day(4), Choice{2, false, "its state cannot be read"}},
		{"an interrupted one although it is pinned", Policy{Last: 2}, with(daily(2), func(s []Slot) { s[1].Condition, s[1].Pinned = Interrupted, true }), day(4),
			Choice{2, false, "a run was writing it and did not end"}},
		{"a day twice", Policy{Daily: 3}, with(daily(3), func(s []Slot) { s[1].Time = day(1).Add(time.Hour) }), day(4), Choice{1, false, "no rule keeps it"}},
		{"the newest of the day is not overwritten by the next one", Policy{Daily: 3}, daily(3), day(3).Add(time.Hour),
			Choice{1, false, "keep-daily keeps 2 for now: the newest backup is never taken"}},
		{"weeks reach further back than days", Policy{Daily: 2, Weekly: 2}, daily(4), day(12), Choice{2, false, "no rule keeps it"}},
		{"a kept one where the others are pinned", Policy{Daily: 3}, with(daily(3), func(s []Slot) { s[0].Pinned = true }), day(4),
			Choice{2, false, "keep-daily keeps 2 for now: slots are pinned or being read"}},
		{"a shrunk policy", Policy{Daily: 2}, daily(5), day(6), Choice{1, false, "no rule keeps it"}},
		{"a grown policy", Policy{Daily: 5, Weekly: 4}, daily(5), day(6), Choice{6, true, "5 of 9 slots are there"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Choose(c.policy, c.slots, c.now)
			if err != nil || got != c.want {
				t.Errorf("%+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
	all := with(daily(2), func(s []Slot) { s[0].Pinned, s[1].Held = true, true })
	if got, err := Choose(Policy{Last: 2}, all, day(3)); !errors.Is(err, ErrAllKept) {
		t.Errorf("%+v, %v where all are kept", got, err)
	}
}

func TestKeepersAreNamed(t *testing.T) {
	slots := daily(31)
	kept := Policy{Daily: 2, Weekly: 2, Monthly: 1}.Kept(slots)
	for number, want := range map[int]string{31: "keep-daily 2026-01-31", 30: "keep-daily 2026-01-30", 25: "keep-weekly 2026-W04", 18: "keep-weekly 2026-W03",
		1: "the oldest", 29: "", 2: ""} {
		if kept[number] != want {
			t.Errorf("slot %d is kept by %q, want %q", number, kept[number], want)
		}
	}
	if len(kept) != 5 {
		t.Errorf("kept are %v", kept)
	}
}

func TestHoursThatComeTwiceAreTwoPeriods(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	twice := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC).In(berlin)
	slots := []Slot{{Number: 1, Gen: 1, Time: twice}, {Number: 2, Gen: 2, Time: twice.Add(time.Hour)}}
	if twice.Hour() != twice.Add(time.Hour).Hour() {
		t.Fatalf("%v is one hour after the other", twice)
	}
	if kept := (Policy{Hourly: 2}).Kept(slots); len(kept) != 2 {
		t.Errorf("kept are %v", kept)
	}
}

func TestSurplusGoesFromWhatNoRuleKeeps(t *testing.T) {
	p := Policy{Daily: 2, Weekly: 1}
	slots := with(daily(6), func(s []Slot) { s[1].Pinned = true })
	var gone []int
	for {
		s, ok := p.Surplus(slots, p.Slots())
		if !ok {
			break
		}
		gone = append(gone, s.Number)
		for i := range slots {
			if slots[i].Number == s.Number {
				slots = append(slots[:i:i], slots[i+1:]...)
				break
			}
		}
	}
	// Slot 4, a Sunday, is the newest of its week; slot 1 is the oldest until a week is there.
	if len(gone) != 2 || len(slots) != 4 || gone[0] != 1 || gone[1] != 3 {
		t.Errorf("removed %v, left %+v", gone, slots)
	}
}

func TestPoliciesThatKeepNothingOrTooMuchAreRefused(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{Policy{}, "no backup would be kept"},
		{Policy{Last: -1}, "retention -1: want"},
		{Policy{Last: 1000}, "retention 1000"},
		{Policy{Daily: -1, Weekly: 4}, "keep-daily -1"},
		{Policy{Daily: 500, Weekly: 500}, "1000 backups in all"},
		{Policy{Last: 3, Daily: 2}, "retention beside keep-daily"},
		{Policy{Last: 1}, ""}, {Policy{Yearly: 1}, ""}, {Policy{Daily: 999}, ""},
	} {
		_, err := c.p.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.p, err, c.want)
		}
	}
}
