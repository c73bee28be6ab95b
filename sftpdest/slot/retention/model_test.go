package retention

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // days have to change their length here whatever the machine has
)

// model is an account whose slots are written one run after the other.
type model struct {
	policy Policy
	slots  map[int]*Slot
	made   []Slot // every backup that ever was complete, the oldest first
	gen    uint64
}

func newModel(p Policy) *model { return &model{policy: p, slots: make(map[int]*Slot)} }

func (m *model) list() (all []Slot) {
	for _, s := range m.slots {
		all = append(all, *s)
	}
	return all
}

func (m *model) complete() (n int) {
	for _, s := range m.slots {
		if s.Condition == Complete {
			n++
		}
	}
	return n
}

// run writes a slot, and breaks before its end if it is told to. It holds what must be true at every instant.
func (m *model) run(now time.Time, breaks bool) error {
	before, there, open := m.complete(), len(m.slots), 0
	for n, s := range m.slots {
		if s.Condition == Interrupted {
			open = n
		}
	}
	c, err := Choose(m.policy, m.list(), now)
	if err != nil {
		return err
	}
	taken := m.slots[c.Number]
	switch {
	case c.New != (taken == nil):
		return fmt.Errorf("slot %d is there: %v, and it is said to be new: %v", c.Number, taken != nil, c.New)
	case open != 0 && c.Number != open:
		return fmt.Errorf("slot %d is not complete, and the run takes %d", open, c.Number)
	case taken != nil && taken.Condition == Complete && taken.Pinned:
		return fmt.Errorf("slot %d is pinned, and the run takes it", c.Number)
	case taken != nil && taken.Condition == Complete && taken.Gen == m.newest() && m.unpinned() > 1:
		return fmt.Errorf("the newest backup is overwritten")
	}
	m.gen++
	s := &Slot{Number: c.Number, Gen: m.gen, Time: now, Condition: Interrupted}
	m.slots[c.Number] = s
	if least := min(before, m.policy.Slots()-1); m.complete() < least {
		return fmt.Errorf("%d backups are complete, want %d", m.complete(), least)
	}
	if !breaks {
		s.Condition = Complete
		m.made = append(m.made, *s)
	}
	if m.complete() > max(there, m.policy.Slots()) {
		return fmt.Errorf("%d backups for %s", m.complete(), m.policy)
	}
	return nil
}

func (m *model) newest() (gen uint64) {
	for _, s := range m.slots {
		if s.Condition == Complete {
			gen = max(gen, s.Gen)
		}
	}
	return gen
}

func (m *model) unpinned() (n int) {
	for _, s := range m.slots {
		if !s.Pinned {
			n++
		}
	}
	return n
}

func (m *model) has(gen uint64) bool {
	for _, s := range m.slots {
		if s.Gen == gen && s.Condition == Complete {
			return true
		}
	}
	return false
}

// missing tells which backups a rule promises that are not there: the newest one of each of the last n periods in which there was one.
func (m *model) missing(key string, n int, period func(time.Time) string) error {
	seen := make(map[string]bool)
	for i := len(m.made) - 1; i >= 0 && len(seen) < n; i-- {
		b := &m.made[i]
		if p := period(b.Time); !seen[p] {
			seen[p] = true
			if !m.has(b.Gen) {
				return fmt.Errorf("%s %d: the backup of %s is gone, of generation %d of %d", key, n, p, b.Gen, m.gen)
			}
		}
	}
	return nil
}

// promised makes sure that what the policy keeps is there. Who runs more often than the finest rule has periods has one less of that.
func (m *model) promised(often bool) error {
	finest := true
	for _, r := range []struct {
		key    string
		n      int
		period func(time.Time) string
	}{
		{"hourly", m.policy.Hourly, func(t time.Time) string { return t.UTC().Format("2006-01-02 15") }},
		{"daily", m.policy.Daily, func(t time.Time) string { return fmt.Sprint(t.Year(), t.YearDay()) }},
		{"weekly", m.policy.Weekly, func(t time.Time) string { return fmt.Sprint(t.ISOWeek()) }},
		{"monthly", m.policy.Monthly, func(t time.Time) string { return fmt.Sprint(t.Year(), t.Month()) }},
		{"yearly", m.policy.Yearly, func(t time.Time) string { return fmt.Sprint(t.Year()) }},
	} {
		n := r.n
		if n > 0 && finest {
			finest = false
			if often {
				n--
			}
		}
		if err := m.missing(r.key, n, r.period); err != nil {
			return err
		}
	}
	return nil
}

func zone(t *testing.T) *time.Location {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return berlin
}

func randomPolicy(rnd *rand.Rand) Policy {
	some := func(most int) int { return max(0, rnd.IntN(2*most)-most) }
	p := Policy{Hourly: some(6), Daily: some(8), Weekly: some(5), Monthly: some(7), Yearly: some(3)}
	if p.Backups() == 0 {
		p.Daily = 7
	}
	return p
}

// finest is how long the shortest period of a policy is, at least.
func (p Policy) finest() time.Duration {
	switch {
	case p.Hourly > 0:
		return time.Hour
	case p.Daily > 0:
		return 25 * time.Hour
	case p.Weekly > 0:
		return 169 * time.Hour
	case p.Monthly > 0:
		return 32 * 24 * time.Hour
	}
	return 367 * 24 * time.Hour
}

func TestYearsOfRunsKeepWhatThePolicyPromises(t *testing.T) {
	berlin := zone(t)
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		p := randomPolicy(rnd)
		every := time.Duration(1+rnd.IntN(72)) * time.Hour
		m, now := newModel(p), time.Date(2026, 1, 1, 1, 30, 0, 0, berlin)
		for run := range 1500 {
			breaks := rnd.IntN(10) == 0
			if err := m.run(now, breaks); err != nil {
				t.Fatalf("seed %d, %s every %v, run %d at %v: %v", seed, p, every, run, now, err)
			}
			if err := m.promised(every < p.finest()); !breaks && err != nil {
				t.Fatalf("seed %d, %s every %v, run %d at %v: %v", seed, p, every, run, now, err)
			}
			now = now.Add(every)
			if rnd.IntN(40) == 0 {
				now = now.Add(time.Duration(rnd.IntN(60*24)) * time.Hour) // nobody ran it for a while
			}
		}
	}
}

func TestRunsEachNightKeepAllOfADayAWeekAMonthAndAYear(t *testing.T) {
	berlin := zone(t)
	p := Policy{Daily: 7, Weekly: 4, Monthly: 6, Yearly: 2}
	m := newModel(p)
	for n := range 5 * 365 {
		now := time.Date(2026, 1, 1+n, 2, 30, 0, 0, berlin) // an hour that is left out once a year, and comes twice once
		if err := m.run(now, false); err != nil {
			t.Fatal(err)
		}
		if err := m.promised(false); err != nil {
			t.Fatalf("on %v: %v", now, err)
		}
	}
	kept := p.Kept(m.list())
	if len(kept) != p.Slots() || m.complete() != p.Slots() {
		t.Errorf("%d of %d slots are kept: %v", len(kept), p.Slots(), kept)
	}
}

// A clock that is wrong for some runs costs at most one period of each rule for each of them.
func TestAClockThatJumpsCostsAtMostAPeriodOfEachRuleForEachRun(t *testing.T) {
	berlin := zone(t)
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		p := randomPolicy(rnd)
		right, wrong := newModel(p), newModel(p)
		start := time.Date(2026, 1, 1, 1, 30, 0, 0, berlin)
		jumpAt, lasts := 100+rnd.IntN(500), 1+rnd.IntN(5)
		jump := time.Duration(rnd.Int64N(int64(20*365*24*time.Hour))) - 10*365*24*time.Hour
		for run := range 900 {
			now := start.AddDate(0, 0, run)
			shown := now
			if run >= jumpAt && run < jumpAt+lasts {
				shown = now.Add(jump)
			}
			if run > jumpAt && rnd.IntN(50) == 0 { // both break together
				continue
			}
			for m, at := range map[*model]time.Time{right: now, wrong: shown} {
				if err := m.run(at, false); err != nil {
					t.Fatalf("seed %d, run %d: %v", seed, run, err)
				}
			}
			lost := slices.DeleteFunc(right.list(), func(s Slot) bool { return wrong.has(s.Gen) })
			if len(lost) > lasts*p.kinds() {
				t.Fatalf("seed %d, %s, a jump of %v for %d runs, run %d: %d backups are lost: %v", seed, p, jump, lasts, run-jumpAt, len(lost), lost)
			}
		}
	}
}

// kinds is how many rules a policy has.
func (p Policy) kinds() (n int) {
	for _, r := range rules {
		if *r.number(&p) > 0 {
			n++
		}
	}
	return n
}

func TestPinsAndChangesOfPolicyLoseNothingThatIsKept(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		m, now := newModel(randomPolicy(rnd)), time.Date(2026, 1, 1, 1, 30, 0, 0, time.UTC)
		for run := range 600 {
			switch all := m.list(); rnd.IntN(20) {
			case 0:
				m.policy = randomPolicy(rnd)
				m.shrink(t)
			case 1:
				if len(all) > 0 {
					s := m.slots[all[rnd.IntN(len(all))].Number]
					s.Pinned = !s.Pinned && m.unpinned() > 2
				}
			}
			pinned := m.pinned()
			if err := m.run(now, rnd.IntN(10) == 0); err != nil && m.unpinned() > 0 {
				t.Fatalf("seed %d, run %d: %v", seed, run, err)
			}
			for _, gen := range pinned {
				if !m.has(gen) {
					t.Fatalf("seed %d, run %d: a pinned backup is gone", seed, run)
				}
			}
			now = now.Add(24 * time.Hour)
		}
	}
}

func (m *model) pinned() (gens []uint64) {
	for _, s := range m.slots {
		if s.Pinned && s.Condition == Complete {
			gens = append(gens, s.Gen)
		}
	}
	return gens
}

// shrink removes what the policy has no place for, as a run does when it has ended.
func (m *model) shrink(t *testing.T) {
	for {
		kept := m.policy.Kept(m.list())
		s, ok := m.policy.Surplus(m.list(), m.policy.Slots())
		if !ok {
			return
		}
		if kept[s.Number] != "" || s.Pinned || s.Gen == m.newest() {
			t.Fatalf("slot %d goes, and %q keeps it; pinned: %v", s.Number, kept[s.Number], s.Pinned)
		}
		delete(m.slots, s.Number)
	}
}

// With a retention alone it is the oldest that may be taken, whatever the clocks said.
func TestARetentionTakesTheOldest(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		n := 2 + rnd.IntN(8)
		var slots []Slot
		want := 0
		for i := range n {
			s := Slot{Number: i + 1, Gen: uint64(10 + i), Time: time.Unix(rnd.Int64N(4e9), 0), Pinned: rnd.IntN(3) == 0, Held: rnd.IntN(4) == 0}
			if want == 0 && !s.kept() {
				want = s.Number
			}
			slots = append(slots, s)
		}
		rnd.Shuffle(n, func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
		got, err := Choose(Policy{Last: n}, slots, time.Unix(rnd.Int64N(4e9), 0))
		if got.Number != want || (err == nil) != (want != 0) {
			t.Errorf("seed %d: %+v, %v; want slot %d of %+v", seed, got, err, want, slots)
		}
	}
}
