package retention

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrAllKept says that no slot may be overwritten.
var ErrAllKept = errors.New("every slot is pinned or being read")

// Condition is what a slot is good for.
type Condition uint8

const (
	Complete    Condition = iota // a backup
	Interrupted                  // a run was writing it
	Damaged                      // it calls itself a backup, and something is missing or wrong
	Unreadable                   // it has no state that can be read
	Deleting                     // it is being removed
)

// Slot is what counts of a slot for the choice.
type Slot struct {
	Number    int
	Gen       uint64    // orders backups; no two are equal
	Time      time.Time // when the run began that made it, in the zone whose days count
	Condition Condition
	Pinned    bool
	Held      bool // somebody reads it
}

// Choice is the slot that a run takes.
type Choice struct {
	Number int
	New    bool   // it is not there yet
	Reason string // for people
}

// Choose gives the slot that a run takes which begins now. One that is not complete comes first, so that there never is a second one;
// then a place that is free; then the backup that the policy needs least beside the new one. ErrAllKept says that none may be taken.
func Choose(p Policy, slots []Slot, now time.Time) (Choice, error) {
	var open, done []Slot
	for _, s := range slots {
		switch s.Condition {
		case Complete:
			done = append(done, s)
		case Interrupted, Damaged, Unreadable:
			open = append(open, s)
		}
	}
	if len(open) > 0 {
		s := slices.MinFunc(open, func(a, b Slot) int {
			return cmp.Or(cmp.Compare(a.Condition, b.Condition), cmp.Compare(a.Gen, b.Gen), cmp.Compare(a.Number, b.Number))
		})
		return Choice{Number: s.Number, Reason: s.Condition.reason()}, nil
	}
	if len(done) < p.Slots() {
		return Choice{Number: free(slots), New: true, Reason: fmt.Sprintf("%d of %d slots are there", len(done), p.Slots())}, nil
	}
	newestFirst(done)
	return p.leastNeeded(done, now)
}

func (c Condition) reason() string {
	switch c {
	case Interrupted:
		return "a run was writing it and did not end"
	case Damaged:
		return "it is damaged"
	}
	return "its state cannot be read"
}

// free is the lowest number that no slot has.
func free(slots []Slot) int {
	for n := 1; ; n++ {
		if !slices.ContainsFunc(slots, func(s Slot) bool { return s.Number == n }) {
			return n
		}
	}
}

func newestFirst(slots []Slot) {
	slices.SortFunc(slots, func(a, b Slot) int { return cmp.Compare(b.Gen, a.Gen) })
}

// leastNeeded chooses among complete slots, the newest first: the oldest that no rule keeps. Where none of those may be taken, one
// backup less of the finest kind is kept. The newest backup is the last resort: until the new one is complete there is none better.
func (p Policy) leastNeeded(done []Slot, now time.Time) (Choice, error) {
	pool, reason := p, "no rule keeps it"
	if p.Last > 0 {
		reason = "the oldest"
	}
	for {
		kept := pool.keepers(done, &now)
		for i := len(done) - 1; i > 0; i-- {
			if kept[i] == "" && !done[i].kept() {
				return Choice{Number: done[i].Number, Reason: reason}, nil
			}
		}
		less, key, ok := pool.reduced()
		if !ok {
			break
		}
		pool, reason = less, p.shortage(key, less, done)
	}
	if len(done) > 1 && !done[0].kept() {
		return Choice{Number: done[0].Number, Reason: "all others are pinned or being read"}, nil
	}
	return Choice{}, ErrAllKept
}

// kept reports whether a slot must not be taken at all.
func (s *Slot) kept() bool { return s.Pinned || s.Held }

// shortage says why a rule has to do with less.
func (p Policy) shortage(key string, less Policy, done []Slot) string {
	if p.Last > 0 {
		return "the oldest that is not pinned or being read"
	}
	why := "the newest backup is never taken"
	if slices.ContainsFunc(done, func(s Slot) bool { return s.kept() }) {
		why = "slots are pinned or being read"
	}
	for _, r := range rules {
		if r.key == key {
			return fmt.Sprintf("%s keeps %d for now: %s", key, *r.number(&less), why)
		}
	}
	return why
}

// Surplus gives the slot that goes next where more are complete than most; false: none may.
func (p Policy) Surplus(slots []Slot, most int) (Slot, bool) {
	var done []Slot
	for _, s := range slots {
		if s.Condition == Complete {
			done = append(done, s)
		}
	}
	if len(done) <= most {
		return Slot{}, false
	}
	newestFirst(done)
	kept := p.keepers(done, nil)
	for i := len(done) - 1; i > 0; i-- {
		if kept[i] == "" && !done[i].kept() {
			return done[i], true
		}
	}
	return Slot{}, false
}

// Kept says for each slot, by its number, which rule keeps it: "keep-weekly 2026-W48". Slots that are not complete and those that no
// rule keeps are not there.
func (p Policy) Kept(slots []Slot) map[int]string {
	done := slices.DeleteFunc(slices.Clone(slots), func(s Slot) bool { return s.Condition != Complete })
	newestFirst(done)
	kept := make(map[int]string)
	for i, why := range p.keepers(done, nil) {
		if why != "" {
			kept[done[i].Number] = why
		}
	}
	return kept
}

// keepers tells which rule keeps each of the complete slots, the newest first; "": none. now, if set, is when a backup is made that is
// newer than all of them.
func (p Policy) keepers(done []Slot, now *time.Time) []string {
	keepers := make([]string, len(done))
	newKept, unfilled := now == nil, false
	for _, r := range rules {
		left := *r.number(&p)
		if left == 0 {
			continue
		}
		seen := make(map[string]bool)
		if now != nil {
			seen[r.of(0, *now)] = true
			if !newKept {
				newKept = true
				left--
			}
		}
		for i := range done {
			period := r.of(done[i].Gen, done[i].Time)
			if seen[period] {
				continue
			}
			seen[period] = true
			if keepers[i] == "" && left > 0 {
				keepers[i] = r.key
				if r.period != nil {
					keepers[i] += " " + period
				}
				left--
			}
		}
		unfilled = unfilled || left > 0
	}
	if last := len(done) - 1; unfilled && last >= 0 && keepers[last] == "" {
		keepers[last] = "the oldest"
	}
	return keepers
}

// of is the period of a backup.
func (r *rule) of(gen uint64, t time.Time) string {
	if r.period == nil {
		return fmt.Sprint(gen)
	}
	return r.period(t)
}
