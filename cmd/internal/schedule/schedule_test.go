package schedule

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones must be there wherever the tests run
)

const layout = "2006-01-02 15:04 MST"

func TestNext(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		schedule string
		zone     *time.Location
		from     string
		want     []string
	}{
		{"05:30", time.UTC, "2026-01-05 05:29", []string{"2026-01-05 05:30 UTC", "2026-01-06 05:30 UTC"}},
		{"05:30", time.UTC, "2026-01-05 05:30", []string{"2026-01-06 05:30 UTC"}},
		{"every 6h", time.UTC, "2026-01-05 05:29", []string{"2026-01-05 06:00 UTC", "2026-01-05 12:00 UTC"}},
		{"every 90m", time.UTC, "2026-01-05 00:00", []string{"2026-01-05 01:30 UTC"}},
		{"*/20 * * * *", time.UTC, "2026-01-05 23:40", []string{"2026-01-06 00:00 UTC", "2026-01-06 00:20 UTC"}},
		{"30 5 * * mon-fri", time.UTC, "2026-01-02 06:00", []string{"2026-01-05 05:30 UTC"}},
		{"0 3 13 * fri", time.UTC, "2026-01-05 00:00", []string{"2026-01-09 03:00 UTC", "2026-01-13 03:00 UTC"}},
		{"0 0 29 feb *", time.UTC, "2026-01-05 00:00", []string{"2028-02-29 00:00 UTC", "2032-02-29 00:00 UTC"}},
		{"0 0 * * 7", time.UTC, "2026-01-05 00:00", []string{"2026-01-11 00:00 UTC"}},
		{"5/25 4 1 * *", time.UTC, "2026-01-05 00:00", []string{"2026-02-01 04:05 UTC", "2026-02-01 04:30 UTC", "2026-02-01 04:55 UTC"}},
		{"@weekly", time.UTC, "2026-01-05 00:00", []string{"2026-01-11 00:00 UTC"}},
		// On 2026-03-29 the clock goes from 02:00 to 03:00: half past two comes an hour later.
		{"02:30", berlin, "2026-03-28 12:00", []string{"2026-03-29 03:30 CEST", "2026-03-30 02:30 CEST"}},
		// On 2026-10-25 it goes from 03:00 back to 02:00.
		{"30 * * * *", berlin, "2026-10-25 01:30", []string{"2026-10-25 02:30 CEST", "2026-10-25 02:30 CET", "2026-10-25 03:30 CET"}},
	} {
		s, err := Parse(c.schedule)
		if err != nil {
			t.Errorf("%s: %v", c.schedule, err)
			continue
		}
		at, err := time.ParseInLocation("2006-01-02 15:04", c.from, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			at = s.Next(at)
			if got := at.Format(layout); got != want {
				t.Errorf("%s from %s: next is %s, want %s", c.schedule, c.from, got, want)
			}
		}
	}
}

func TestFixedTimeThatComesTwiceIsDueOnce(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse("02:30")
	if err != nil {
		t.Fatal(err)
	}
	first := s.Next(time.Date(2026, 10, 24, 12, 0, 0, 0, berlin))
	second := s.Next(first)
	if first.Format("2006-01-02 15:04") != "2026-10-25 02:30" || second.Format(layout) != "2026-10-26 02:30 CET" {
		t.Errorf("due at %v and then at %v", first, second)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "noon", "24:00", "5:60", "every", "every 5", "every 1s", "every -6h", "every 9000h",
		"* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
		"5-1 * * * *", "*/0 * * * *", "*/99 * * * *", "a * * * *", ", * * * *", "1-2-3 * * * *", "-1 * * * *", "+1 * * * *",
		"0 0 31 2 *", "0 0 30 feb *", "@never",
	} {
		if s, err := Parse(text); err == nil {
			t.Errorf("%q was taken as %#v", text, s)
		} else if !strings.HasPrefix(err.Error(), "schedule ") {
			t.Errorf("%q: the error does not say what it is about: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"05:30", "every 6h", "*/5 1-4,7 * jan-mar mon", "0 0 29 2 *", "@daily", "0 0 31 2 *"} {
		f.Add(s, int64(1767571200))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		from := time.Unix(unix%(1<<33), 0).UTC()
		next := s.Next(from)
		if !next.After(from) {
			t.Fatalf("%q: the time after %v is %v", text, from, next)
		}
		if again := s.Next(next.Add(-time.Second)); !again.Equal(next) {
			t.Fatalf("%q: from %v next is %v, but a second before that it is %v", text, from, next, again)
		}
	})
}
