// Package history keeps how each index pass, backup and verification ended, for 400 days. It must not know how any of them is
// made, and it needs no index: a rebuild of that loses nothing here.
package history

import (
	"time"

	"slotfs/cmd/internal/service/jsonlog"
)

// Retention is how long records are kept at least.
const Retention = jsonlog.Retention

// Store is a directory of records.
type Store struct {
	Dir string // is made with the first record
	Now func() time.Time
}

// New is the store in dir.
func New(dir string) *Store { return &Store{Dir: dir, Now: time.Now} }

func (s *Store) log() *jsonlog.Log[Record] {
	return &jsonlog.Log[Record]{What: "history", Dir: s.Dir, Now: s.Now, Time: (*Record).time}
}

// Add appends a record, durably.
func (s *Store) Add(r Record) error {
	r = r.bounded()
	return s.log().Add(&r)
}

// Follower reads a store, and what is added to it later.
type Follower = jsonlog.Follower[Record]

// Follow begins with the oldest record.
func (s *Store) Follow() *Follower { return s.log().Follow() }

// Kind says what a record is of.
type Kind string

// The kinds of records.
const (
	Pass   Kind = "pass"   // an index pass over a destination
	Backup Kind = "backup" // one account's backup by a job
	Run    Kind = "run"    // a job over all its accounts: written when the last of them has ended
	Verify Kind = "verify" // one account's slots, compared with their manifests; without an account: backups, with the index
	Forget Kind = "forget" // one account's slots, removed
)

// Result is how something ended.
type Result string

// The results.
const (
	Complete    Result = "complete"
	Partial     Result = "partial" // done with less: Warning says with what
	Failed      Result = "failed"
	Busy        Result = "busy" // it was not begun, because another process did the same
	Interrupted Result = "interrupted"
)

// Cause names what is behind an error, where that is more than the one record.
type Cause string

// The causes.
const (
	Unreachable Cause = "unreachable"
	HostKey     Cause = "host-key" // the server's key is not the one that was confirmed
	Auth        Cause = "auth"
	Full        Cause = "full"
)

// Record is how one thing ended.
type Record struct {
	Kind    Kind      `json:"kind"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Seconds float64   `json:"seconds"` // by a clock that nobody sets
	// Waited is how many seconds a run waited for its destination before it began.
	Waited      float64 `json:"waited,omitempty"`
	Destination string  `json:"destination,omitempty"`
	Job         string  `json:"job,omitempty"`
	Account     string  `json:"account,omitempty"` // of a pass: it was over this one only
	// Run is the same for the backups of one run of a job over all its accounts and for the record of that run.
	Run     string `json:"run,omitempty"`
	Result  Result `json:"result"`
	Slot    int    `json:"slot,omitempty"`
	Files   int64  `json:"files,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	Sent    int64  `json:"sent,omitempty"` // files
	SentB   int64  `json:"sent_bytes,omitempty"`
	Copied  int64  `json:"copied,omitempty"` // files, on the server
	Linked  int64  `json:"linked,omitempty"`
	Deleted int64  `json:"deleted,omitempty"`
	// Of a pass: backups on the destination, and those that were read, could not be read, and are gone.
	Found      int `json:"found,omitempty"`
	Read       int `json:"read,omitempty"`
	Unreadable int `json:"unreadable,omitempty"`
	Gone       int `json:"gone,omitempty"`
	// Differences that a verification found. Of backups: all that were found and are not known to be gone.
	Differences int `json:"differences,omitempty"`
	// Daily says that the verification was the one of the day, not asked for by somebody.
	Daily bool `json:"daily,omitempty"`
	// Free and Size are the room on the destination in bytes, at the end of a run; absent: the server does not tell.
	Free int64 `json:"free,omitempty"`
	Size int64 `json:"size,omitempty"`

	// Concerns are what a pass found backups to lack that are complete, in words.
	Concerns string `json:"concerns,omitempty"`

	Warning string `json:"warning,omitempty"`
	Error   string `json:"error,omitempty"`
	Code    int    `json:"code,omitempty"` // the exit code that belongs to Error
	Cause   Cause  `json:"cause,omitempty"`
}

// time is when what the record is of ended; zero: it is no record.
func (r *Record) time() time.Time {
	if r.Kind == "" {
		return time.Time{}
	}
	return r.Ended
}

// Good reports whether there is a backup, or an index, because of what the record is of.
func (r *Record) Good() bool { return r.Result == Complete || r.Result == Partial }

// Object names what the record is of: "nightly/alice", "job nightly", "offsite".
func (r *Record) Object() string {
	switch {
	case r.Kind == Run || r.Job != "" && r.Account == "":
		return "job " + r.Job
	case r.Job != "":
		return r.Job + "/" + r.Account
	case r.Account != "":
		return r.Destination + "/" + r.Account
	}
	return r.Destination
}

// maxText bounds the texts of a record.
const maxText = 2000

// bounded cuts what a record need not keep in full.
func (r Record) bounded() Record {
	for _, text := range []*string{&r.Warning, &r.Error, &r.Concerns} {
		if len(*text) > maxText {
			*text = (*text)[:maxText] + "..."
		}
	}
	r.Began, r.Ended = r.Began.UTC().Round(0), r.Ended.UTC().Round(0)
	return r
}
