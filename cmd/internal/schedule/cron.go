package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// set is a set of small numbers.
type set uint64

func (s set) has(n int) bool { return s&(1<<uint(n)) != 0 }

// cron is a parsed expression.
type cron struct {
	minute, hour, day, month, weekday set
	// eitherDay: day of month and day of week are both restricted; then one of them is enough, as in crontab(5).
	eitherDay bool
	// hourly: the hour is not a choice of fixed hours, so the expression follows the passing hours.
	hourly bool
}

// field says what one field of an expression may hold.
type field struct {
	name     string
	min, max int
	words    []string // names for min, min+1, ...
}

var fields = [5]field{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, words: []string{
		"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "day of week", max: 7, words: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

var shorthands = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
	"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

// fixed is every day at one time.
func fixed(hour, minute int) *cron {
	return &cron{minute: 1 << uint(minute), hour: 1 << uint(hour), day: span(1, 31, 1), month: span(1, 12, 1),
		weekday: span(0, 6, 1)}
}

func parseCron(text string) (Schedule, error) {
	if full, ok := shorthands[strings.ToLower(text)]; ok {
		text = full
	}
	words := strings.Fields(text)
	if len(words) != len(fields) {
		return nil, fmt.Errorf("a cron expression has 5 fields, not %d", len(words))
	}
	var sets [5]set
	for i, w := range words {
		s, err := fields[i].parse(strings.ToLower(w))
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", fields[i].name, w, err)
		}
		sets[i] = s
	}
	if sets[4].has(7) { // Sunday is 0 and 7.
		sets[4] = sets[4]&^(1<<7) | 1
	}
	c := &cron{minute: sets[0], hour: sets[1], day: sets[2], month: sets[3], weekday: sets[4]}
	c.eitherDay = words[2][0] != '*' && words[4][0] != '*'
	c.hourly = words[1][0] == '*'
	if !c.possible() {
		return nil, errors.New("such a day never comes")
	}
	return c, nil
}

// possible reports whether some month has one of the days.
func (c *cron) possible() bool {
	if c.eitherDay {
		return true
	}
	longest := [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	for m := 1; m <= 12; m++ {
		if c.month.has(m) && c.day&span(1, longest[m], 1) != 0 {
			return true
		}
	}
	return false
}

// span is from, from+step, ... up to to.
func span(from, to, step int) set {
	var s set
	for n := from; n <= to; n += step {
		s |= 1 << uint(n)
	}
	return s
}

func (f field) parse(text string) (set, error) {
	var all set
	for item := range strings.SplitSeq(text, ",") {
		s, err := f.item(item)
		if err != nil {
			return 0, err
		}
		all |= s
	}
	return all, nil
}

// item reads "*", "5", "1-5" and each of them with "/step".
func (f field) item(text string) (set, error) {
	ends, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		n, err := strconv.Atoi(stepText)
		if err != nil || n < 1 || n > f.max {
			return 0, fmt.Errorf("the step must be between 1 and %d", f.max)
		}
		step = n
	}
	if ends == "*" {
		return span(f.min, f.max, step), nil
	}
	lowText, highText, ranged := strings.Cut(ends, "-")
	low, err := f.number(lowText)
	if err != nil {
		return 0, err
	}
	high := low
	switch {
	case ranged:
		if high, err = f.number(highText); err != nil {
			return 0, err
		}
	case stepped: // "5/10" is "5-max/10".
		high = f.max
	}
	if high < low {
		return 0, errors.New("the range runs backwards")
	}
	return span(low, high, step), nil
}

func (f field) number(text string) (int, error) {
	for i, w := range f.words {
		if text == w {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max || text[0] == '+' || text[0] == '-' {
		return 0, fmt.Errorf("want a number from %d to %d", f.min, f.max)
	}
	return n, nil
}

// Next is the first matching minute after t.
func (c *cron) Next(t time.Time) time.Time {
	if c.hourly {
		return c.nextPassing(t)
	}
	y, m, d := t.Date()
	// The rarest day, a 29 February on a given weekday, comes after at most 40 years.
	for i := range 41 * 366 {
		day := time.Date(y, m, d+i, 12, 0, 0, 0, t.Location())
		if !c.onDay(day) {
			continue
		}
		if at, ok := c.inDay(day, t); ok {
			return at
		}
	}
	return time.Time{}
}

// inDay finds the first matching time of a day that is after t.
func (c *cron) inDay(day, t time.Time) (time.Time, bool) {
	y, m, d := day.Date()
	for h := range 24 {
		if !c.hour.has(h) {
			continue
		}
		for minute := range 60 {
			if !c.minute.has(minute) {
				continue
			}
			if at := time.Date(y, m, d, h, minute, 0, 0, t.Location()); at.After(t) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// nextPassing follows the time that passes, whatever the clock shows: hours that come twice run twice.
func (c *cron) nextPassing(t time.Time) time.Time {
	at := t.Truncate(time.Minute).Add(time.Minute)
	end := t.AddDate(41, 0, 0)
	for at.Before(end) {
		switch {
		case !c.onDay(at):
			y, m, d := at.Date()
			next := time.Date(y, m, d+1, 0, 0, 0, 0, at.Location())
			if !next.After(at) { // a midnight that the clock change left out
				next = at.Add(time.Hour)
			}
			at = next
		case !c.hour.has(at.Hour()):
			at = at.Add(time.Duration(60-at.Minute()) * time.Minute)
		case !c.minute.has(at.Minute()):
			at = at.Add(time.Minute)
		default:
			return at
		}
	}
	return time.Time{}
}

func (c *cron) onDay(t time.Time) bool {
	if !c.month.has(int(t.Month())) {
		return false
	}
	day, weekday := c.day.has(t.Day()), c.weekday.has(int(t.Weekday()))
	if c.eitherDay {
		return day || weekday
	}
	return day && weekday
}
