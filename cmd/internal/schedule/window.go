package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Window is a part of each day, "01:00-05:00"; "22:00-06:00" is one over midnight. The zero Window is always open.
type Window struct {
	from, to clock
	set      bool
}

// clock is a time of day.
type clock struct{ hour, minute int }

// ParseWindow reads a window; an empty text is the zero one.
func ParseWindow(text string) (Window, error) {
	if text == "" {
		return Window{}, nil
	}
	fromText, toText, _ := strings.Cut(text, "-")
	from, fromErr := time.Parse("15:04", strings.TrimSpace(fromText))
	to, toErr := time.Parse("15:04", strings.TrimSpace(toText))
	if fromErr != nil || toErr != nil || from.Equal(to) {
		return Window{}, fmt.Errorf(`%q: want two times of day like "01:00-05:00"`, text)
	}
	return Window{clock{from.Hour(), from.Minute()}, clock{to.Hour(), to.Minute()}, true}, nil
}

// Opens is when the window is open next: t itself where it is open at t.
func (w Window) Opens(t time.Time) time.Time {
	if !w.set {
		return t
	}
	for day := -1; ; day++ {
		from, to := w.on(t, day)
		switch {
		case !to.After(from): // the change of the clocks took this one away
		case t.Before(from):
			return from
		case t.Before(to):
			return t
		}
	}
}

// Closes is when the window that is open at t ends; the zero time: never.
func (w Window) Closes(t time.Time) time.Time {
	if !w.set {
		return time.Time{}
	}
	for day := -1; ; day++ {
		if _, to := w.on(t, day); t.Before(to) {
			return to
		}
	}
}

// Opening is due when a window is open, and so much later: unlike other schedules also at the time that Next is asked with.
type Opening struct {
	Window Window
	Late   time.Duration
}

var _ Schedule = Opening{}

// Next is the first time from t on.
func (o Opening) Next(t time.Time) time.Time { return o.Window.Opens(t).Add(o.Late) }

// on is the window that begins so many days after t.
func (w Window) on(t time.Time, day int) (from, to time.Time) {
	over := 0
	if w.to.before(w.from) {
		over = 1
	}
	return w.from.on(t, day), w.to.on(t, day+over)
}

func (c clock) before(other clock) bool {
	return c.hour < other.hour || c.hour == other.hour && c.minute < other.minute
}

func (c clock) on(t time.Time, day int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+day, c.hour, c.minute, 0, 0, t.Location())
}
