// Package schedule knows when something that comes again is due. It must not start anything or choose the clock.
//
// Three forms are understood. All times are local to the time that Next is asked with.
//
//	05:30               every day at that time
//	every 6h            at whole multiples of the interval, counted from midnight (UTC); one minute to one year
//	30 5 * * 1-5        a cron expression: minute, hour, day of month, month, day of week (crontab(5));
//	@daily              @hourly, @daily, @weekly, @monthly, @yearly are short for one
//
// A time that a clock change leaves out comes as much later as the clock was moved; one that the change brings
// twice comes once. Expressions that run every hour follow the passing hours instead.
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Schedule tells when it is due next.
type Schedule interface {
	// Next is the first due time after t, never t itself.
	Next(t time.Time) time.Time
}

// Bounds of "every": below a minute a pass would hardly end before the next one.
const (
	minEvery = time.Minute
	maxEvery = 365 * 24 * time.Hour
)

// Parse reads any of the forms.
func Parse(text string) (Schedule, error) {
	s, err := parse(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", text, err)
	}
	return s, nil
}

func parse(text string) (Schedule, error) {
	if text == "" {
		return nil, errors.New(`empty; want "05:30", "every 6h" or a cron expression`)
	}
	if rest, ok := strings.CutPrefix(text, "every "); ok {
		return parseEvery(strings.TrimSpace(rest))
	}
	if !strings.ContainsAny(text, " \t@") {
		return parseDaily(text)
	}
	return parseCron(text)
}

func parseDaily(text string) (Schedule, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return nil, errors.New(`want "05:30", "every 6h" or a cron expression of five fields`)
	}
	return fixed(t.Hour(), t.Minute()), nil
}

// every is a fixed interval.
type every time.Duration

func parseEvery(text string) (Schedule, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, errors.New(`the interval must look like "every 6h" or "every 90m"`)
	}
	if d < minEvery || d > maxEvery {
		return nil, fmt.Errorf("the interval must be between %v and %v", minEvery, maxEvery)
	}
	return every(d), nil
}

// Next is the next multiple of the interval.
func (e every) Next(t time.Time) time.Time {
	d := time.Duration(e)
	return t.Truncate(d).Add(d)
}
