package watch

import (
	"fmt"
	"strings"
	"time"

	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/jsonlog"
)

// restoresFor is how long a restore into a live account is news.
const restoresFor = 24 * time.Hour

// restoreFollower reads the audit record, and keeps what was put back into live accounts lately.
type restoreFollower struct {
	records *jsonlog.Follower[audit.Record]
	all     []alarm.Restore
}

// recentRestores are what was put back into live accounts within restoresFor.
func (w *Watcher) recentRestores() ([]alarm.Restore, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	since := w.Now().Add(-restoresFor)
	if w.restores == nil {
		w.restores = &restoreFollower{records: audit.Open(w.State.Audit()).FollowSince(since)}
	}
	err := w.restores.records.Poll(func(r *audit.Record) error {
		if (r.Action == audit.Live || r.Action == audit.Undo) && r.Time.After(since) {
			w.restores.all = append(w.restores.all, restoreOf(r))
		}
		return nil
	})
	kept := []alarm.Restore{}
	for _, r := range w.restores.all {
		if r.At.After(since) {
			kept = append(kept, r)
		}
	}
	w.restores.all = kept
	return kept, err
}

// restoreOf puts a record into words.
func restoreOf(r *audit.Record) alarm.Restore {
	path := strings.Join(r.Paths, ", ")
	destination, _, _ := strings.Cut(path, "/")
	did := "put back"
	if r.Action == audit.Undo {
		did = "undid"
	}
	text := fmt.Sprintf("%s %s %s (%s)", r.Who, did, path, r.Detail)
	if r.Error != "" {
		text = fmt.Sprintf("%s could not be done for %s: %s", strings.TrimSpace(path+" ("+r.Detail+")"), r.Who, r.Error)
	}
	return alarm.Restore{ID: fmt.Sprintf("%s %s %s", r.Time.Format(time.RFC3339Nano), r.Action, r.Detail), At: r.Time, Destination: destination, Text: text}
}
