package archive

import (
	"errors"
	"fmt"
	"slices"

	"slotfs/indexer/backup"
)

// errNoArchive ends a pass over something that is not a tar archive.
var errNoArchive = errors.New("not a tar archive")

// proveEnough is how far a pass goes on when it knows that there is no archive: damage at the beginning of a
// gzip stream shows only somewhat later, and that is another fault.
const proveEnough = 4 << 20

// farthest is an offset that no archive reaches: arithmetic on offsets below it does not overflow.
const farthest = 1 << 62

// walker is the io.Writer that takes an archive.
type walker struct {
	h      Handler
	nested func(path string) bool
	hint   func(off int64)

	top      *level
	chunk    int64 // absolute offset of the bytes that Write was handed last
	refused  uint64
	fault    string // the first one found; empty: none
	faultAt  int64
	notes    backup.Notes
	delivery delivery
	head     []byte // the first bytes

	member      Member // the one that is shown
	path, name  []byte // scratch
	user, group string // of the last member
}

func newWalker(h Handler, nested func(path string) bool) *walker {
	w := &walker{h: h, nested: nested}
	w.top = newLevel(w, "", 0, farthest)
	return w
}

// Write takes the next bytes. It fails with an error of the handler or errNoArchive.
func (w *walker) Write(p []byte) (int, error) {
	w.chunk = w.top.pos
	if w.chunk < headSize {
		w.head = keepHead(w.head, p)
	}
	if err := w.top.feed(p); err != nil {
		return 0, err
	}
	if w.top.step == stepDead && w.top.pos > proveEnough {
		return 0, errNoArchive
	}
	return len(p), nil
}

// deliver hands on content of the member that was wanted.
func (w *walker) deliver(p []byte) error { return w.delivery.write(w.h, p) }

// settled reports whether a state can be saved. What is wanted of one end of a member comes without a break.
func (w *walker) settled() bool {
	return !w.delivery.on || w.delivery.loose || w.delivery.skippable() > 0
}

// result tells what the archive is if it ends here.
func (w *walker) result() Result {
	w.top.mend(nil)
	r := Result{Status: backup.Complete, Content: w.top.pos, Sound: w.top.pos, Refused: w.refused, Notes: w.notes}
	rest := w.top.unfinished()
	switch {
	case w.fault != "":
		r.Status, r.Detail, r.Sound = backup.Corrupt, w.fault, min(w.faultAt, w.top.pos)
	case w.top.pos == 0:
		r.Status, r.Detail = backup.Unreadable, "empty file"
	case w.top.step == stepDead, !w.top.valid && w.top.step == stepHeader && !likely(w.top.part):
		r.Status, r.Detail = backup.Unreadable, foreignContent(w.head, errNoArchive.Error())
	case rest != "":
		r.Status, r.Detail = backup.Truncated, fmt.Sprintf("tar archive ends early at byte %d: %s", w.top.pos, rest)
	case w.top.unmarked():
		r.Notes = slices.Clone(r.Notes)
		r.Notes.Add(noteNoEnd, "")
	case w.top.step == stepEnd && w.top.valid && !blank(w.top.part):
		r.Notes = slices.Clone(r.Notes)
		r.Notes.Add(noteBehind, "")
	}
	return r
}

// fault notes that something is wrong at offset at, and that reading went on after it.
func (l *level) fault(at int64, text string) {
	w := l.walk
	if w.fault != "" {
		return
	}
	w.faultAt = at
	w.fault = fmt.Sprintf("%s at byte %d of the archive", text, at)
	if l.prefix != "" {
		w.fault += fmt.Sprintf(" (in %s)", printable(l.prefix))
	}
}

// unfinished says what is missing if the archive ends here, or "".
func (l *level) unfinished() string {
	switch {
	case l.step == stepEnd, l.over(), l.lost, l.unmarked():
		return ""
	case l.step == stepContent, l.step == stepSkip:
		return "within the content of " + printable(l.current)
	}
	return "within a header"
}

// close ends an archive within the archive. What was none is a file like any other.
func (l *level) close() {
	l.mend(nil)
	switch rest := l.unfinished(); {
	case !l.valid:
	case rest != "":
		l.fault(l.pos, "archive ends early: "+rest)
	case l.unmarked():
		l.walk.note(noteNoEnd, l.prefix)
	}
}

// printable quotes a path for people, shortened.
func printable(path string) string {
	if len(path) > 0 && path[len(path)-1] == backup.NestedSuffix[0] {
		path = path[:len(path)-1]
	}
	const most = 200
	if len(path) > most {
		path = "..." + path[len(path)-most:]
	}
	return fmt.Sprintf("%q", path)
}
