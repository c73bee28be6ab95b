package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/term"
	"slotfs/indexer/backup"
)

// Renderer shows events to people.
type Renderer struct {
	out   io.Writer
	now   func() time.Time
	live  bool       // redraw a block instead of printing lines
	width func() int // of the terminal, in cells
	every time.Duration

	mu sync.Mutex
	// mu guards what follows.
	state state
	drawn int // lines of the block on the screen
	last  time.Time
}

// How often the block is redrawn, and how often a line is printed where there is no terminal.
const (
	liveEvery  = 250 * time.Millisecond
	plainEvery = 30 * time.Second
)

// maxRunning bounds the sources that the block shows.
const maxRunning = 8

// NewLive redraws a block at the end of a terminal.
func NewLive(out io.Writer, width func() int, now func() time.Time) *Renderer {
	return &Renderer{out: out, width: width, now: now, live: true, every: liveEvery}
}

// NewPlain prints a line now and then.
func NewPlain(out io.Writer, now func() time.Time) *Renderer {
	return &Renderer{out: out, now: now, every: plainEvery, last: now()}
}

// Handle takes one event. It may be called from several goroutines.
func (r *Renderer) Handle(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.state.take(e, now)
	if line := notable(e); line != "" {
		r.erase()
		fmt.Fprintln(r.out, line)
		r.last = time.Time{}
	}
	if now.Sub(r.last) >= r.every {
		r.last = now
		r.show(now)
	}
}

// Close removes the block.
func (r *Renderer) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.erase()
}

func (r *Renderer) show(now time.Time) {
	if !r.live {
		fmt.Fprintln(r.out, r.state.total(now))
		return
	}
	r.erase()
	lines := make([]string, 0, maxRunning+2)
	for i, s := range r.state.running {
		if i == maxRunning {
			lines = append(lines, fmt.Sprintf("... and %d more", len(r.state.running)-i))
			break
		}
		lines = append(lines, s.line(now, r.width()-1))
	}
	lines = append(lines, r.state.total(now))
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(term.Cut(l, r.width()-1))
		b.WriteByte('\n')
	}
	io.WriteString(r.out, b.String())
	r.drawn = len(lines)
}

// erase moves up over the block and clears it, so that what is printed next takes its place.
func (r *Renderer) erase() {
	if r.drawn > 0 {
		fmt.Fprintf(r.out, "\x1b[%dA\r\x1b[J", r.drawn)
		r.drawn = 0
	}
}

// Notable reports whether the event says that something is wrong with a backup.
func (e *Event) Notable() bool {
	return e.Kind == Ended && (e.Error != "" || e.Status != string(backup.Complete))
}

// notable is the line of an event that stays on the screen.
func notable(e Event) string {
	if !e.Notable() {
		return ""
	}
	what := e.Error
	if what == "" {
		what = e.Status
		if e.Detail != "" {
			what += ": " + e.Detail
		}
	}
	return term.Clean(e.Destination + ": " + e.Source.Path + ": " + what)
}

// Text puts a summary into one line.
func (s *Summary) Text() string {
	out := fmt.Sprintf("%s found: %d read, %d unchanged", term.Count(int64(s.Found), "backup", "backups"), s.Read, s.Unchanged)
	if s.Failed > 0 {
		out += fmt.Sprintf(", %d not complete", s.Failed)
	}
	if s.Gone > 0 {
		out += fmt.Sprintf(", %d gone", s.Gone)
	}
	return out
}
