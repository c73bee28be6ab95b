package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"slotfs/cmd/internal/term"
)

// How often what is shown is drawn anew, and how often a line is printed where there is no terminal.
const (
	liveEvery  = 250 * time.Millisecond
	plainEvery = 30 * time.Second
)

// Screen shows how work gets on: lines at the end of a terminal that are drawn anew, a line now and then elsewhere. It is used by one
// Renderer or Transfer at a time.
type Screen struct {
	out   io.Writer // nil: nothing is shown
	now   func() time.Time
	width func() int // of the terminal, in cells; nil: there is none

	drawn int // lines that the next ones take the place of
	last  time.Time
}

// NewScreen shows lines on a terminal that is width cells wide, or in a file where width is nil.
func NewScreen(out io.Writer, width func() int, now func() time.Time) *Screen {
	s := &Screen{out: out, width: width, now: now}
	if width == nil {
		s.begin()
	}
	return s
}

// Silent shows nothing.
func Silent() *Screen { return &Screen{now: time.Now} }

// begin waits the whole time before something is drawn again.
func (s *Screen) begin() { s.last = s.now() }

// update draws what lines gives for a width, 0 being any, if it is time for that. On a terminal that is all of them, elsewhere the last one.
func (s *Screen) update(lines func(now time.Time, width int) []string) {
	now := s.now()
	every, width := plainEvery, 0
	if s.width != nil {
		every = liveEvery
	}
	if s.out == nil || now.Sub(s.last) < every {
		return
	}
	s.last = now
	if s.width != nil {
		width = s.width() - 1
	}
	all := lines(now, width)
	if s.width == nil {
		all = all[len(all)-1:]
	}
	s.erase()
	var b strings.Builder
	for _, l := range all {
		b.WriteString(term.Cut(l, width))
		b.WriteByte('\n')
	}
	_, _ = io.WriteString(s.out, b.String())
	if s.width != nil {
		s.drawn = len(all)
	}
}

// soon draws with the next update.
func (s *Screen) soon() { s.last = time.Time{} }

// print prints a line that stays.
func (s *Screen) print(line string) {
	if s.out == nil {
		return
	}
	s.erase()
	fmt.Fprintln(s.out, line)
}

// erase moves up over what was drawn and clears it, so that what is printed next takes its place.
func (s *Screen) erase() {
	if s.drawn > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[J", s.drawn)
		s.drawn = 0
	}
}
