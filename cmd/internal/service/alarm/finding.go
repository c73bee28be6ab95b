// Package alarm knows what is wrong with the backups and who was told of it. It must not know how messages travel, and it never
// begins or delays a backup.
//
// What is wrong is found anew each time from the records of the history, the snapshots of the index and what was measured of the
// destinations (Find). What was told to whom is kept (Desk), so that people hear once of what is wrong and once when it is good
// again, whichever process looks: the owner of the index each minute, and each sync at its end.
package alarm

import (
	"cmp"
	"slices"
	"time"
)

// Event is a kind of what can be wrong, as the configuration names it.
type Event string

// The events.
const (
	Failed      Event = "failed"      // a pass or a backup
	Partial     Event = "partial"     // the same was done with less
	Silence     Event = "silence"     // no good backup for too long
	Unreachable Event = "unreachable" // a destination, for long
	HostKey     Event = "host-key"    // of a destination, is another one
	NearlyFull  Event = "nearly-full" // a destination
	Verify      Event = "verify"      // slots differ from their manifests, or backups from what was indexed of them
	Poorer      Event = "poorer"      // the newest good backup of an account has less than the one before
	Gone        Event = "gone"        // an account whose backups are removed within a week
	Restored    Event = "restored"    // something was put back into a live account, or undone there: it is told once and is not wrong
)

// Critical reports whether there may be no good backup because of an event.
func (e Event) Critical() bool {
	return e != Partial && e != NearlyFull && e != Poorer && e != Gone && e != Restored
}

// Key names a finding.
type Key struct {
	Event  Event  `json:"event"`
	Object string `json:"object"` // "nightly/alice", "job nightly", "offsite"
}

// Finding says of one object whether one thing is wrong with it.
type Finding struct {
	Key
	Destination string    `json:"destination,omitempty"`
	Job         string    `json:"job,omitempty"`
	Since       time.Time `json:"since"`
	Text        string    `json:"text"`
	// Fine says that the object was looked at, and that this is not wrong with it.
	Fine bool `json:"-"`
	// Pending says that nothing is to be said of the object for now: a run that it belongs to goes on.
	Pending bool `json:"-"`
}

// Report is what was found.
type Report struct {
	All []Finding
	// News are findings of what happened and is not wrong. Nil: nobody looked.
	News []Finding
	// Blind says that the index could not be asked: what it alone knows is not in All.
	Blind bool
}

// Wrong lists what is wrong, the gravest and oldest first.
func (r *Report) Wrong() []Finding {
	var wrong []Finding
	for _, f := range r.All {
		if !f.Fine && !f.Pending {
			wrong = append(wrong, f)
		}
	}
	slices.SortFunc(wrong, compareFindings)
	return wrong
}

func compareFindings(a, b Finding) int {
	if a.Event.Critical() != b.Event.Critical() {
		if a.Event.Critical() {
			return -1
		}
		return 1
	}
	return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Object, b.Object))
}
