package progress

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/term"
)

// Transfer shows how the backups of accounts get on, in one line. Those that are under way side by side are counted together.
type Transfer struct {
	mu sync.Mutex
	// mu guards what follows.
	screen    *Screen
	names     []string // of what is under way, in the order in which it began
	index, of int
	sending   time.Time // when the first bytes went out
	scanned   count
	planned   count
	sent      count
}

// count is a number of files and their bytes.
type count struct{ files, bytes int64 }

func (c *count) add(files, bytes int64) { c.files += files; c.bytes += bytes }

// NewTransfer shows transfers on a screen.
func NewTransfer(s *Screen) *Transfer { return &Transfer{screen: s} }

// Position tells which of how many accounts comes next.
func (t *Transfer) Position(index, of int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.index, t.of = index, of
}

// Begin begins with an account. What is counted begins anew where no other one is under way.
func (t *Transfer) Begin(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.names) == 0 {
		t.screen.begin()
		t.scanned, t.planned, t.sent, t.sending = count{}, count{}, count{}, time.Time{}
	}
	t.names = append(t.names, name)
}

// Finish ends with an account.
func (t *Transfer) Finish(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.names, name); i >= 0 {
		t.names = slices.Delete(t.names, i, i+1)
	}
	t.screen.erase()
}

// End takes the line away.
func (t *Transfer) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = nil
	t.screen.erase()
}

// Above takes the line away and runs f, which prints what stays. It runs one f at a time.
func (t *Transfer) Above(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.screen.erase()
	f()
}

// Scanned counts what was found in the source.
func (t *Transfer) Scanned(files, bytes int64) { t.note(&t.scanned, files, bytes) }

// Planned counts what has to be sent or copied.
func (t *Transfer) Planned(files, bytes int64) { t.note(&t.planned, files, bytes) }

// Sent counts what is on the server.
func (t *Transfer) Sent(files, bytes int64) { t.note(&t.sent, files, bytes) }

// Line prints a line that stays.
func (t *Transfer) Line(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.screen.print(term.Clean(text))
}

func (t *Transfer) note(c *count, files, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.add(files, bytes)
	if c == &t.sent && t.sending.IsZero() {
		t.sending = t.screen.now()
	}
	if len(t.names) > 0 {
		t.screen.update(func(now time.Time, width int) []string { return []string{t.text(now, width)} })
	}
}

// text is the line, in at most width characters if the figures need no more (0: any number): account, files, bytes, rate and
// what is left. mu is held.
func (t *Transfer) text(now time.Time, width int) string {
	var b strings.Builder
	if t.of > 1 {
		fmt.Fprintf(&b, "[%d/%d] ", t.index, t.of)
	}
	b.WriteString(term.Clean(t.names[0]))
	if more := len(t.names) - 1; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	if t.planned.files == 0 && t.sent.files == 0 {
		return fit(b.String(), fmt.Sprintf(": looking: %s, %s", term.Count(t.scanned.files, "file", "files"), term.Bytes(t.scanned.bytes)), width)
	}
	figures := fmt.Sprintf(": %d of %s, %s of %s (%s)", t.sent.files, term.Count(t.planned.files, "file", "files"), term.Bytes(t.sent.bytes),
		term.Bytes(t.planned.bytes), percent(t.sent.bytes, t.planned.bytes))
	figures += rateAndRest(perSecond(t.sent.bytes, now.Sub(t.sending)), t.planned.bytes-t.sent.bytes)
	return fit(b.String(), figures, width)
}
