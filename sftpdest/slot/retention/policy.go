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
	"errors"
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

// MaxBackups is how many backups a policy keeps at most.
const MaxBackups = 999

// Backups is how many backups a policy keeps.
func (p Policy) Backups() int {
	return p.Last + p.Hourly + p.Daily + p.Weekly + p.Monthly + p.Yearly
}

// Slots is how many slots a policy needs: for one backup a spare is written while the other is the backup.
func (p Policy) Slots() int { return max(p.Backups(), 2) }

// Check reports what is wrong with a policy, and with which key of the configuration.
func (p Policy) Check() (key string, err error) {
	for _, r := range rules {
		if n := *r.number(&p); n < 0 || n > MaxBackups {
			return r.key, fmt.Errorf("%s %d: want %d to %d", r.key, n, r.least, MaxBackups)
		}
	}
	numbers := p.Numbers()
	switch {
	case len(numbers) == 0:
		return rules[0].key, errors.New("no backup would be kept: want a retention or a keep-* of at least 1")
	case p.Last > 0 && len(numbers) > 1:
		return rules[0].key, fmt.Errorf("retention beside %s: give the number of backups alone, or only that of each kind of period", numbers[1].Key)
	case p.Backups() > MaxBackups:
		return numbers[0].Key, fmt.Errorf("%d backups in all: want at most %d", p.Backups(), MaxBackups)
	}
	return "", nil
}

// Number is how many backups one rule of a policy keeps.
type Number struct {
	Key string // in the configuration
	N   int
}

// Numbers are those of a policy that are not 0.
func (p Policy) Numbers() (all []Number) {
	for _, r := range rules {
		if n := *r.number(&p); n != 0 {
			all = append(all, Number{r.key, n})
		}
	}
	return all
}

// String is the policy for people: "7", or "keep-daily 7, keep-weekly 4".
func (p Policy) String() string {
	if p.Last > 0 {
		return strconv.Itoa(p.Last)
	}
	var all []string
	for _, n := range p.Numbers() {
		all = append(all, fmt.Sprintf("%s %d", n.Key, n.N))
	}
	return strings.Join(all, ", ")
}

// rule keeps the newest backup of each period.
type rule struct {
	key    string // in the configuration
	least  int    // that may be given
	number func(*Policy) *int
	period func(time.Time) string // nil: each backup is one
}

// rules are those of all policies, the finest first.
var rules = []rule{
	{"retention", 1, func(p *Policy) *int { return &p.Last }, nil},
	{"keep-hourly", 0, func(p *Policy) *int { return &p.Hourly }, hour},
	{"keep-daily", 0, func(p *Policy) *int { return &p.Daily }, func(t time.Time) string { return t.Format(time.DateOnly) }},
	{"keep-weekly", 0, func(p *Policy) *int { return &p.Weekly }, week},
	{"keep-monthly", 0, func(p *Policy) *int { return &p.Monthly }, func(t time.Time) string { return t.Format("2006-01") }},
	{"keep-yearly", 0, func(p *Policy) *int { return &p.Yearly }, func(t time.Time) string { return t.Format("2006") }},
}

// hour has the offset of its zone: where clocks go back an hour comes twice.
func hour(t time.Time) string { return t.Format("2006-01-02T15-07") }

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
