package history

import (
	"maps"
	"time"
)

// Key names what has a standing: a destination's passes, a job's runs, an account's backups or verifications.
type Key struct {
	Kind                      Kind
	Destination, Job, Account string
}

// Standing is how something stands by its records.
type Standing struct {
	Last     Record    // the newest that says something: neither busy nor interrupted
	LastGood time.Time // when the newest good one ended; zero: none
	// Failing is when the first of the records after the last good one ended; zero: the last one is good.
	Failing time.Time
	Count   map[Result]int // of the records that were seen
}

// Board has the standing of everything that has records. It is fed by a Follower.
type Board struct {
	All  map[Key]*Standing
	now  func() time.Time
	runs map[string]bool // that have ended
	// Troubles tell since when all records of a destination have a cause; absent: the newest one was good.
	Troubles map[Trouble]time.Time
	// Rooms have the newest measurement of the room on each destination.
	Rooms map[string]Room
}

// Trouble is what is wrong with a destination.
type Trouble struct {
	Destination string
	Cause       Cause
}

// Room is how much room a destination had.
type Room struct {
	At   time.Time `json:"at"`
	Free int64     `json:"free"`
	Size int64     `json:"size"`
}

// Clone is a copy that no Take changes.
func (b *Board) Clone() *Board {
	out := NewBoard(b.now)
	for k, s := range b.All {
		standing := *s
		standing.Count = maps.Clone(s.Count)
		out.All[k] = &standing
	}
	out.runs, out.Troubles, out.Rooms = maps.Clone(b.runs), maps.Clone(b.Troubles), maps.Clone(b.Rooms)
	return out
}

// tomorrow is how far ahead of the clock a record may be: one that is further was made while the clock was wrong, and would
// hide all that come after it.
const tomorrow = 24 * time.Hour

// NewBoard is a board without records.
func NewBoard(now func() time.Time) *Board {
	return &Board{All: map[Key]*Standing{}, now: now, runs: map[string]bool{}, Troubles: map[Trouble]time.Time{}, Rooms: map[string]Room{}}
}

// KeyOf names what a record is of. A pass over one account only says nothing of the destination's other ones.
func KeyOf(r *Record) Key {
	k := Key{Kind: r.Kind, Destination: r.Destination, Job: r.Job, Account: r.Account}
	if r.Kind == Run {
		k.Account = ""
	}
	return k
}

// Take adds a record. It has the form of a Follower's yield.
func (b *Board) Take(r *Record) error {
	if r.Kind == Run {
		b.runs[r.Run] = true
	}
	if r.Ended.Sub(b.now()) > tomorrow {
		return nil
	}
	b.takeTrouble(r)
	if r.Size > 0 || r.Free > 0 {
		if b.Rooms[r.Destination].At.Before(r.Ended) {
			b.Rooms[r.Destination] = Room{At: r.Ended, Free: r.Free, Size: r.Size}
		}
	}
	k := KeyOf(r)
	s := b.All[k]
	if s == nil {
		s = &Standing{Count: map[Result]int{}}
		b.All[k] = s
	}
	s.take(r)
	return nil
}

func (s *Standing) take(r *Record) {
	s.Count[r.Result]++
	if r.Result == Busy || r.Result == Interrupted {
		return
	}
	s.Last = *r
	switch {
	case r.Good():
		s.LastGood, s.Failing = r.Ended, time.Time{}
	case s.Failing.IsZero():
		s.Failing = r.Ended
	}
}

// takeTrouble keeps since when something is wrong with a destination.
func (b *Board) takeTrouble(r *Record) {
	for _, cause := range []Cause{Unreachable, HostKey} {
		t := Trouble{r.Destination, cause}
		_, known := b.Troubles[t]
		switch {
		case r.Cause == cause && !known:
			b.Troubles[t] = r.Ended
		case r.Good() || r.Cause != "" && r.Cause != cause:
			delete(b.Troubles, t)
		}
	}
}

// RunEnded reports whether a run of a job over all its accounts has ended.
func (b *Board) RunEnded(run string) bool { return b.runs[run] }

// Read is the board of all records of the store, and how many lines were skipped.
func (s *Store) Read() (*Board, int, error) {
	b, f := NewBoard(s.Now), s.Follow()
	err := f.Poll(b.Take)
	return b, f.Skipped, err
}
