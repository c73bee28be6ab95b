package schedule

import (
	"testing"
	"time"
)

func TestWindows(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ window, now, opens, closes string }{
		{"01:00-05:00", "2026-01-10 00:59", "2026-01-10 01:00", "2026-01-10 05:00"},
		{"01:00-05:00", "2026-01-10 01:00", "2026-01-10 01:00", "2026-01-10 05:00"},
		{"01:00-05:00", "2026-01-10 04:59", "2026-01-10 04:59", "2026-01-10 05:00"},
		{"01:00-05:00", "2026-01-10 05:00", "2026-01-11 01:00", "2026-01-11 05:00"},
		{"22:30-06:00", "2026-01-10 23:00", "2026-01-10 23:00", "2026-01-11 06:00"},
		{"22:30-06:00", "2026-01-10 05:59", "2026-01-10 05:59", "2026-01-10 06:00"},
		{"22:30-06:00", "2026-01-10 12:00", "2026-01-10 22:30", "2026-01-11 06:00"},
		{"22:30-06:00", "2026-12-31 23:59", "2026-12-31 23:59", "2027-01-01 06:00"},
		{"01:00-05:00", "2026-03-28 12:00", "2026-03-29 01:00", "2026-03-29 05:00"}, // three hours only: clocks go forward
		{"02:15-02:45", "2026-03-28 12:00", "2026-03-29 03:15", "2026-03-29 03:45"}, // as much later as the clock was moved
		{"", "2026-01-10 12:00", "2026-01-10 12:00", ""},
	} {
		w, err := ParseWindow(c.window)
		if err != nil {
			t.Fatal(err)
		}
		opens := w.Opens(at(c.now))
		if !opens.Equal(at(c.opens)) {
			t.Errorf("%s at %s: opens %v, want %s", c.window, c.now, opens, c.opens)
		}
		closes := w.Closes(opens)
		if c.closes == "" && !closes.IsZero() || c.closes != "" && !closes.Equal(at(c.closes)) {
			t.Errorf("%s at %s: closes %v, want %s", c.window, c.now, closes, c.closes)
		}
	}
	for _, text := range []string{"01:00", "1-5", "01:00-01:00", "25:00-26:00", "01:00-05:00-06:00", "never"} {
		if w, err := ParseWindow(text); err == nil {
			t.Errorf("%q is %v", text, w)
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add("01:00-05:00", int64(1_770_000_000))
	f.Add("23:59-00:00", int64(0))
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		w, err := ParseWindow(text)
		if err != nil || seconds < 0 || seconds > 1<<33 {
			return
		}
		now := time.Unix(seconds, 0)
		opens := w.Opens(now)
		if opens.Before(now) || opens.Sub(now) > 49*time.Hour {
			t.Errorf("%q at %v opens %v", text, now, opens)
		}
		if closes := w.Closes(opens); text != "" && !closes.After(opens) {
			t.Errorf("%q at %v closes %v", text, opens, closes)
		}
	})
}
