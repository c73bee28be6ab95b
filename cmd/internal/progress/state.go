package progress

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"slotfs/cmd/internal/term"
)

// state is what a pass looks like at one moment.
type state struct {
	running     []*source // in the order in which they began
	directories int
	backups     int
	planned     int   // backups to read, over all destinations
	bytes       int64 // bytes to read
	ended       int
	read        int64 // bytes read of sources that ended, and skipped ones
	skipped     int64 // bytes that an earlier pass had read: they do not count for the rate
	began       time.Time
}

// source is a backup that is read now.
type source struct {
	Source
	destination string
	size        int64
	from        int64
	done        int64
	began       time.Time
}

// take changes the state as an event says.
func (s *state) take(e Event, now time.Time) {
	switch e.Kind {
	case Started:
		if s.began.IsZero() {
			s.began = now
		}
	case Walked:
		s.directories, s.backups = e.Directories, e.Backups
	case Planned:
		s.planned += e.Backups
		s.bytes += e.Bytes
	case Began:
		s.running = append(s.running, &source{Source: *e.Source, destination: e.Destination, size: e.Bytes,
			from: e.Done, done: e.Done, began: now})
		s.skipped += e.Done
	case Read:
		if r := s.find(e); r != nil {
			r.done = e.Done
		}
	case Ended:
		s.ended++
		s.drop(e)
	}
}

func (s *state) find(e Event) *source {
	for _, r := range s.running {
		if r.destination == e.Destination && r.Path == e.Source.Path {
			return r
		}
	}
	return nil
}

func (s *state) drop(e Event) {
	for i, r := range s.running {
		if r.destination == e.Destination && r.Path == e.Source.Path {
			if !r.Tree {
				s.read += r.size
			}
			s.running = append(s.running[:i], s.running[i+1:]...)
			return
		}
	}
}

// lines describe each source that is read, and in the last one everything.
func (s *state) lines(now time.Time, width int) []string {
	var all []string
	for i, r := range s.running {
		if i == maxRunning {
			all = append(all, fmt.Sprintf("... and %d more", len(s.running)-i))
			break
		}
		all = append(all, r.line(now, width))
	}
	return append(all, s.total(now))
}

// line describes one source in at most width characters (0: any number): name, how far it is, rate, remaining time.
func (r *source) line(now time.Time, width int) string {
	name := term.Clean(r.destination + ": " + r.Name)
	if r.Tree {
		return fit(name, "  "+term.Count(r.done, "entry", "entries"), width)
	}
	rate := perSecond(r.done-r.from, now.Sub(r.began))
	return fit(name, fmt.Sprintf("  %s of %s (%s)%s", term.Bytes(r.done), term.Bytes(r.size),
		percent(r.done, r.size), rateAndRest(rate, r.size-r.done)), width)
}

// leastName is how much of a name is shown at least, in characters.
const leastName = 12

// fit shortens the name in front of figures, which are what people look for, to width characters in all; 0: not at all.
func fit(name, figures string, width int) string {
	if width > 0 {
		name = term.Cut(name, max(width-utf8.RuneCountInString(figures), leastName))
	}
	return name + figures
}

// total describes everything.
func (s *state) total(now time.Time) string {
	if s.planned == 0 {
		return fmt.Sprintf("looking: %s, %s found", term.Count(int64(s.directories), "directory", "directories"),
			term.Count(int64(s.backups), "backup", "backups"))
	}
	done := s.read
	for _, r := range s.running {
		if !r.Tree {
			done += r.done
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d backups", s.ended, s.planned)
	if s.bytes > 0 {
		rate := perSecond(done-s.skipped, now.Sub(s.began))
		fmt.Fprintf(&b, ", %s of %s (%s)%s", term.Bytes(done), term.Bytes(s.bytes), percent(done, s.bytes),
			rateAndRest(rate, s.bytes-done))
	}
	return b.String()
}

// perSecond is bytes per second; 0 while nothing can be said.
func perSecond(bytes int64, d time.Duration) int64 {
	if d < time.Second || bytes <= 0 {
		return 0
	}
	return int64(float64(bytes) / d.Seconds())
}

func rateAndRest(rate, rest int64) string {
	if rate == 0 {
		return ""
	}
	out := fmt.Sprintf(", %s/s", term.Bytes(rate))
	if rest > 0 {
		left := max(time.Duration(float64(rest)/float64(rate)*float64(time.Second)).Round(time.Second), time.Second)
		out += ", " + term.Duration(left) + " left"
	}
	return out
}

func percent(done, of int64) string {
	if of <= 0 {
		return "100%"
	}
	return fmt.Sprintf("%d%%", min(100, int64(float64(done)/float64(of)*100)))
}
