package progress

import (
	"fmt"
	"sync"

	"slotfs/cmd/internal/term"
	"slotfs/indexer/backup"
)

// Renderer shows the events of passes to people.
type Renderer struct {
	mu sync.Mutex
	// mu guards what follows.
	screen *Screen
	state  state
}

// maxRunning bounds the sources that are shown.
const maxRunning = 8

// NewRenderer shows events on a screen.
func NewRenderer(s *Screen) *Renderer { return &Renderer{screen: s} }

// Handle takes one event. It may be called from several goroutines.
func (r *Renderer) Handle(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.take(e, r.screen.now())
	if line := notable(e); line != "" {
		r.screen.print(line)
		r.screen.soon()
	}
	r.screen.update(r.state.lines)
}

// Close takes away what was drawn.
func (r *Renderer) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.screen.erase()
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
