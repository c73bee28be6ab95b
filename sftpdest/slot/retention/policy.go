// Package retention decides which backups of an account are kept, and which slot a run takes. It is pure: it knows times, conditions
// and pins of slots, and neither a destination nor what is in a slot.
//
// A policy is a list of rules, the finest first. A rule goes through the backups from the newest to the oldest and keeps the newest one of
// each hour, day, week, month or year, as many as it says; what a finer rule keeps is not counted again. So a policy keeps as many
// backups as the sum of its numbers. While a rule finds fewer periods than it says, the oldest backup is kept as well: it stands for
// what there is not yet.
//
// The order of backups is that of their generations and never that of their times: each run that a wrong clock misleads costs at most
// one period of each rule.
package retention

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Policy says how many backups are kept. Either Last is set or some of the others.
type Policy struct {
	Last                                   int // the newest ones, whatever their times
	Hourly, Daily, Weekly, Monthly, Yearly int // the newest of each period
}

// MaxSlots is how many backups a policy keeps at most.
const MaxSlots = 999

// Backups is how many backups a policy keeps.
func (p Policy) Backups() int {
	return p.Last + p.Hourly + p.Daily + p.Weekly + p.Monthly + p.Yearly
}

// Slots is how many slots a policy needs: for one backup a spare is written while the other is the backup.
func (p Policy) Slots() int { return max(p.Backups(), 2) }

// Check reports what is wrong with a policy.
func (p Policy) Check() error {
	periods := 0
	for _, r := range rules {
		n := *r.number(&p)
		if n < 0 || n > MaxSlots {
			return fmt.Errorf("%s %d: want 0 to %d", r.key, n, MaxSlots)
		}
		if r.period != nil {
			periods += n
		}
	}
	switch {
	case p.Last > 0 && periods > 0:
		return fmt.Errorf("retention beside keep-*: give either the number of backups or one for each kind of period")
	case p.Backups() == 0:
		return fmt.Errorf("no backup would be kept: want a retention of 1 to %d, or a keep-* of at least 1", MaxSlots)
	case p.Backups() > MaxSlots:
		return fmt.Errorf("%d backups in all: want at most %d", p.Backups(), MaxSlots)
	}
	return nil
}

// String is the policy as people write it: "7", or "keep-daily 7, keep-weekly 4".
func (p Policy) String() string {
	if p.Last > 0 {
		return strconv.Itoa(p.Last)
	}
	var all []string
	for _, r := range rules {
		if n := *r.number(&p); n > 0 {
			all = append(all, fmt.Sprintf("%s %d", r.key, n))
		}
	}
	return strings.Join(all, ", ")
}

// rule keeps the newest backup of each period.
type rule struct {
	key    string // in the configuration
	number func(*Policy) *int
	period func(time.Time) string // nil: each backup is one
}

// rules are those of all policies, the finest first.
var rules = []rule{
	{"retention", func(p *Policy) *int { return &p.Last }, nil},
	{"keep-hourly", func(p *Policy) *int { return &p.Hourly }, func(t time.Time) string { return t.Format("2006-01-02T15-07") }}, // hours that come twice have two offsets
	{"keep-daily", func(p *Policy) *int { return &p.Daily }, func(t time.Time) string { return t.Format(time.DateOnly) }},
	{"keep-weekly", func(p *Policy) *int { return &p.Weekly }, week},
	{"keep-monthly", func(p *Policy) *int { return &p.Monthly }, func(t time.Time) string { return t.Format("2006-01") }},
	{"keep-yearly", func(p *Policy) *int { return &p.Yearly }, func(t time.Time) string { return t.Format("2006") }},
}

func week(t time.Time) string {
	year, week := t.ISOWeek()
	return fmt.Sprintf("%d-W%02d", year, week)
}

// reduced is the policy with one backup less of its finest kind, and the name of that; ok is false if it keeps none anyway.
func (p Policy) reduced() (less Policy, key string, ok bool) {
	for _, r := range rules {
		if n := r.number(&p); *n > 0 {
			*n--
			return p, r.key, true
		}
	}
	return p, "", false
}
