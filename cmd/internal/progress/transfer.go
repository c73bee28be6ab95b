package progress

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/term"
)

// Transfer shows how the backups of accounts get on: a line that is redrawn on a terminal, a line now and then elsewhere.
// Those that are under way side by side are counted together.
type Transfer struct {
	out   io.Writer // nil: silent
	now   func() time.Time
	live  bool
	width func() int
	every time.Duration

	mu sync.Mutex
	// mu guards what follows.
	names     []string // of what is under way, in the order in which it began
	index, of int
	sending   time.Time // when the first bytes went out
	scanned   count
	planned   count
	sent      count
	drawn     bool
	last      time.Time
}

// count is a number of files and their bytes.
type count struct{ files, bytes int64 }

func (c *count) add(files, bytes int64) { c.files += files; c.bytes += bytes }

// NewTransfer prints a line now and then.
func NewTransfer(out io.Writer, now func() time.Time) *Transfer {
	return &Transfer{out: out, now: now, every: plainEvery}
}

// NewLiveTransfer redraws a line at the end of a terminal.
func NewLiveTransfer(out io.Writer, width func() int, now func() time.Time) *Transfer {
	return &Transfer{out: out, now: now, live: true, width: width, every: liveEvery}
}

// NewSilentTransfer shows nothing.
func NewSilentTransfer() *Transfer { return &Transfer{now: time.Now} }

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
		t.last = t.now()
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
	t.erase()
}

// End takes the line away.
func (t *Transfer) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = nil
	t.erase()
}

// Above takes the line away and runs f, which prints what stays. It runs one f at a time.
func (t *Transfer) Above(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
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
	if t.out == nil {
		return
	}
	t.erase()
	fmt.Fprintln(t.out, term.Clean(text))
}

func (t *Transfer) note(c *count, files, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.add(files, bytes)
	now := t.now()
	if c == &t.sent && t.sending.IsZero() {
		t.sending = now
	}
	if t.out == nil || len(t.names) == 0 || now.Sub(t.last) < t.every {
		return
	}
	t.last = now
	t.erase()
	width := 0
	if t.live {
		width = t.width() - 1
	}
	line := term.Cut(t.text(now, width), width)
	fmt.Fprintln(t.out, line)
	t.drawn = t.live
}

// erase takes a drawn line away, so that what is printed next takes its place. mu is held.
func (t *Transfer) erase() {
	if t.drawn {
		fmt.Fprint(t.out, "\x1b[1A\r\x1b[J")
		t.drawn = false
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
