package gone

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// home is a job over /home/* while time goes by.
type home struct {
	record  Record
	before  map[string]Place
	system  string
	now     time.Time
	remote  time.Time
	after   time.Duration
	sources []string
}

func newHome(after time.Duration) *home {
	start := time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC)
	return &home{system: "ext4-1", now: start, remote: start.Add(3 * time.Hour), after: after, sources: []string{"/home/*"}}
}

// run finds some accounts.
func (h *home) run(names ...string) []string {
	found := map[string]Place{}
	for _, name := range names {
		found[name] = Place{"/home/" + name, "/home/*"}
	}
	due := h.record.Update(&Look{Found: found, Before: h.before, Sources: h.sources, FileSystem: func(string) string { return h.system },
		Now: h.now, Remote: h.remote, After: h.after})
	h.before = found
	return due
}

func (h *home) tomorrow() { h.now, h.remote = h.now.Add(Day), h.remote.Add(Day) }

func TestAccountIsDueWhenItWasSeenToBeGoneForItsTime(t *testing.T) {
	for _, after := range []time.Duration{Day, 3 * Day, 90 * Day} {
		h := newHome(after)
		h.run("alice", "bob", "carol")
		announced := -1
		for day := 0; ; day++ {
			h.tomorrow()
			for range 3 { // runs of one day count once
				if due := h.run("alice", "bob"); len(due) > 0 {
					if days := int(after / Day); !slices.Equal(due, []string{"carol"}) || day != days || announced > max(0, days-7) {
						t.Errorf("%v: due are %v on day %d, announced on day %d", after, due, day, announced)
					}
					day = 1000
					break
				}
			}
			if day >= 1000 {
				break
			}
			if _, soon := h.record.Accounts["carol"].Left(after); soon && announced < 0 {
				announced = day
			}
			if day > 200 {
				t.Fatalf("%v: never due: %+v", after, h.record.Accounts["carol"])
			}
		}
		h.tomorrow()
		h.run("alice", "bob", "carol")
		if len(h.record.Accounts) != 0 {
			t.Errorf("%v: it is back, and %v is kept", after, h.record.Accounts)
		}
	}
}

func TestNothingIsDueThatARunCouldNotHaveFound(t *testing.T) {
	for name, change := range map[string]func(h *home) (left []string){
		"nothing mounted":           func(*home) []string { return nil },
		"most of it vanished":       func(*home) []string { return []string{"alice"} },
		"what lies below the mount": func(h *home) []string { h.system = "root"; return []string{"alice", "bob", "carol", "lost"} },
		"a file system without id":  func(h *home) []string { h.system = ""; return []string{"alice", "bob", "carol"} },
		"the source left the job":   func(h *home) []string { h.sources = []string{"/srv/*"}; return []string{"alice", "bob", "carol"} },
		"no time to go by":          func(h *home) []string { h.after = 0; return []string{"alice", "bob", "carol"} },
	} {
		h := newHome(3 * Day)
		h.run("alice", "bob", "carol", "dave", "erin")
		left := change(h)
		for range 100 {
			h.tomorrow()
			if due := h.run(left...); len(due) > 0 {
				t.Fatalf("%s: due are %v", name, due)
			}
		}
	}
}

func TestClocksThatJumpRemoveNothing(t *testing.T) {
	for jump := range map[time.Duration]bool{10 * 365 * Day: true, -10 * 365 * Day: true, 31 * Day: true} {
		h := newHome(30 * Day)
		h.run("alice", "bob", "carol")
		real := h.now
		for run := range 24 * 29 { // 29 days of hourly runs, with a clock that is wrong half of the time
			h.remote = h.remote.Add(time.Hour)
			real = real.Add(time.Hour)
			h.now = real
			if run%2 == 1 {
				h.now = real.Add(jump + time.Duration(run)*Day)
			}
			if due := h.run("alice", "bob"); len(due) > 0 {
				t.Fatalf("jump of %v, run %d: due are %v", jump, run, due)
			}
		}
		// The same with the destination's clock.
		h = newHome(30 * Day)
		h.run("alice", "bob", "carol")
		for run := range 24 * 29 {
			h.now, h.remote = h.now.Add(time.Hour), h.now.Add(jump+time.Duration(run)*Day)
			if due := h.run("alice", "bob"); len(due) > 0 {
				t.Fatalf("jump of %v of the destination, run %d: due are %v", jump, run, due)
			}
		}
	}
}

func TestShorterTimeIsAnnouncedForAWeekToo(t *testing.T) {
	h := newHome(0)
	h.run("alice", "bob", "carol")
	for range 60 {
		h.tomorrow()
		h.run("alice", "bob")
	}
	h.after = 30 * Day
	for day := 1; ; day++ {
		h.tomorrow()
		if due := h.run("alice", "bob"); len(due) > 0 {
			if day != 7 {
				t.Errorf("it is due on day %d after it was made shorter", day)
			}
			return
		}
		if left, soon := h.record.Accounts["carol"].Left(h.after); !soon || left != 7-day {
			t.Fatalf("day %d: %d days are left, soon %v", day, left, soon)
		}
	}
}

func TestDirectoriesOfAccounts(t *testing.T) {
	for _, c := range []struct{ source, from, want string }{
		{"/home/alice", "/home/*", "/home"}, {"/home2/alice", "/home*/*", "/home2"}, {"/home/alice/public_html", "/home/*/public_html", "/home"},
		{"/srv/www", "/srv/www", "/srv"}, {"/home/alice", "/home/[a-m]*/", "/home"}, {"/alice", "/*", "/"}, {"", "", "."},
	} {
		if got := directoryOf(Place{c.source, c.from}); got != c.want {
			t.Errorf("%v: %q", c, got)
		}
	}
}

func TestStoredAccountsThatNobodyFoundAreMarkedAndNeverDue(t *testing.T) {
	h := newHome(Day)
	for day := range 30 {
		look := &Look{Found: map[string]Place{"a": {"/home/a", "/home/*"}}, Stored: []string{"a", "old"}, Sources: h.sources,
			FileSystem: func(string) string { return "x" }, Now: h.now, Remote: h.remote, After: Day}
		if due := h.record.Update(look); len(due) > 0 || h.record.Accounts["old"] == nil || len(h.record.Accounts) != 1 {
			t.Fatal(fmt.Sprint("day ", day, ": ", due, h.record.Accounts))
		}
		h.tomorrow()
	}
}
