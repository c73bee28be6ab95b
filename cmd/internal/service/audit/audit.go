// Package audit records who looked at, downloaded and restored what. It must not know how that is done. The records are a
// jsonlog below the state directory.
package audit

import (
	"slices"
	"strings"
	"time"

	"slotfs/cmd/internal/service/jsonlog"
)

// Action is what somebody did.
type Action string

// The actions.
const (
	Login    Action = "login"
	Refused  Action = "refused" // a log-in that failed, or something that he may not do
	Logout   Action = "logout"
	View     Action = "view"     // the content of a file, or the names in an account
	Download Action = "download" // files to keep
	Restore  Action = "restore"  // into a directory
	Live     Action = "restore-live"
	Undo     Action = "undo" // of a restore into a live account
	Change   Action = "change"
	Link     Action = "link"   // that lets somebody in was made
	Revoke   Action = "revoke" // it does so no more
)

// Record is one thing that somebody did.
type Record struct {
	Time   time.Time `json:"time"`
	Who    string    `json:"who"`            // "root", "administrator NAME", "account NAME"
	From   string    `json:"from,omitempty"` // address, or the socket that he came by
	Link   string    `json:"link,omitempty"` // id of the link that let him in
	Action Action    `json:"action"`
	// Paths are those in the mount that it was about, at most MaxPaths of them.
	Paths  []string `json:"paths,omitempty"`
	Count  int      `json:"count,omitempty"`  // of all paths
	Bytes  int64    `json:"bytes,omitempty"`  // that were delivered or written
	Detail string   `json:"detail,omitempty"` // where to, and what else matters
	Error  string   `json:"error,omitempty"`
}

// MaxPaths and maxText bound a record, so that its line is one that a jsonlog reads whatever is escaped in it.
const (
	MaxPaths = 20
	maxText  = 400
)

// bounded cuts what need not be kept in full.
func (r Record) bounded() Record {
	if r.Count == 0 {
		r.Count = len(r.Paths)
	}
	paths := make([]string, 0, min(len(r.Paths), MaxPaths))
	for _, p := range r.Paths[:min(len(r.Paths), MaxPaths)] {
		paths = append(paths, cut(p))
	}
	r.Paths, r.Who, r.From, r.Detail, r.Error = paths, cut(r.Who), cut(r.From), cut(r.Detail), cut(r.Error)
	return r
}

// Concerns reports whether a record is of an account's owner, or of something in the account.
func (r *Record) Concerns(account string) bool {
	if r.Who == "account "+account || r.Detail == "account "+account {
		return true
	}
	return slices.ContainsFunc(r.Paths, func(p string) bool { return strings.Contains("/"+p+"/", "/accounts/"+account+"/") })
}

func cut(text string) string {
	if len(text) > maxText {
		return text[:maxText] + "..."
	}
	return text
}

func (r *Record) time() time.Time {
	if r.Action == "" {
		return time.Time{}
	}
	return r.Time
}

// Log is a directory of records. Its methods may be called side by side, and by several processes.
type Log struct{ log jsonlog.Log[Record] }

// Open is the log in dir, which is made with the first record.
func Open(dir string) *Log {
	return &Log{jsonlog.Log[Record]{What: "audit record", Dir: dir, Now: time.Now, Time: (*Record).time}}
}

// FollowSince begins with the month that a time is in, and reads what is added later.
func (l *Log) FollowSince(t time.Time) *jsonlog.Follower[Record] { return l.log.FollowSince(t) }

// Add appends a record, durably, with the time of now.
func (l *Log) Add(r Record) error {
	r = r.bounded()
	r.Time = l.log.Now().UTC()
	return l.log.Add(&r)
}

// Read hands all records to yield, the oldest first, and tells how many lines are none. The record is yield's for the call only.
func (l *Log) Read(yield func(*Record) error) (skipped int, err error) {
	f := l.log.Follow()
	err = f.Poll(yield)
	return f.Skipped, err
}
