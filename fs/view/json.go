package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"slotfs/indexer/backup"
)

// escapeText makes raw bytes fit for JSON: what is not UTF-8 is written as \xNN.
func escapeText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&out, `\x%02x`, s[0])
		} else {
			out.WriteString(s[:n])
		}
		s = s[n:]
	}
	return out.String()
}

// quoteLine keeps text on one line, and terminals safe.
func quoteLine(s string) string {
	var out strings.Builder
	for _, r := range escapeText(s) {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		fmt.Fprintf(&out, `\x%02x`, r)
	}
	return out.String()
}

// fileJSON is one remote file in snapshot.json.
type fileJSON struct {
	Path  string    `json:"path"`
	Size  int64     `json:"size"`
	MTime time.Time `json:"mtime"`
}

// sourceJSON is where a snapshot comes from.
type sourceJSON struct {
	Destination string     `json:"destination"`
	Origin      string     `json:"origin"`
	Files       []fileJSON `json:"files"`
}

// noteJSON is one kind of thing that happened to entries of a snapshot.
type noteJSON struct {
	Kind    backup.NoteKind `json:"kind"`
	Count   uint64          `json:"count"`
	Example string          `json:"example,omitempty"`
}

// summaryJSON is snapshot.json.
type summaryJSON struct {
	Account string        `json:"account,omitempty"`
	System  bool          `json:"system,omitempty"`
	Name    string        `json:"name"`
	Time    time.Time     `json:"time"`
	Kind    backup.Kind   `json:"kind"`
	Status  backup.Status `json:"status"`
	Detail  string        `json:"detail,omitempty"`
	Indexed time.Time     `json:"indexed"`
	Source  sourceJSON    `json:"source"`
	Parts   []string      `json:"parts"`
	Counts  backup.Counts `json:"counts"`
	Entries uint64        `json:"entries"`
	Content int64         `json:"content_bytes"`
	Refused uint64        `json:"refused"`
	Missing uint64        `json:"missing,omitempty"`
	Notes   []noteJSON    `json:"notes"`
	Owners  ownersJSON    `json:"owners"`
	// Top is the path of the account's directory in the archive or tree; "": it is the top itself.
	Top string `json:"account_directory,omitempty"`

	Unclaimed bool `json:"unclaimed,omitempty"`

	Affected uint64   `json:"affected,omitempty"`
	First    []string `json:"affected_files,omitempty"`

	Concerns []concernJSON `json:"concerns,omitempty"`
	Verified verifiedJSON  `json:"verified"`
}

// verifiedJSON tells what reading the backup again found. Times are null where there was no such reading.
type verifiedJSON struct {
	At          *time.Time `json:"at"`             // all of it was read since then, and is what was indexed
	Noted       *time.Time `json:"noted"`          // what is compared is what was read then: the backup has no checksums
	Read        *time.Time `json:"read"`           // the last reading that came to its end began
	Part        int64      `json:"part,omitempty"` // bytes that the reading under way has read
	Differences uint64     `json:"differences"`
	First       []string   `json:"first,omitempty"` // of the differences
}

func newVerifiedJSON(v *backup.Verification) verifiedJSON {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	j := verifiedJSON{At: at(v.At), Noted: at(v.Recorded), Read: at(v.Read), Part: v.Round.Read, Differences: v.Differences}
	for _, text := range v.First {
		j.First = append(j.First, escapeText(text))
	}
	return j
}

// concernJSON is something that the backup lacks although its bytes are right.
type concernJSON struct {
	Kind backup.ConcernKind `json:"kind"`
	Text string             `json:"text"`
}

// ownersJSON is what is known of the owners of entries.
type ownersJSON struct {
	// Local says that files show the numbers of this machine, but for those in full/, which show those of the backup.
	Local  bool              `json:"local"`
	Users  map[uint32]string `json:"users"` // names by numbers of the backup
	Groups map[uint32]string `json:"groups"`
	UID    uint32            `json:"uid,omitempty"` // of the account
	GID    uint32            `json:"gid,omitempty"`
}

func newOwnersJSON(r *shownSnapshot) ownersJSON {
	j := ownersJSON{Local: r.local.OK, Users: map[uint32]string{}, Groups: map[uint32]string{}}
	for _, n := range r.Names.Users {
		j.Users[n.ID] = escapeText(n.Name)
	}
	for _, n := range r.Names.Groups {
		j.Groups[n.ID] = escapeText(n.Name)
	}
	if r.Owner != nil {
		j.UID, j.GID = r.Owner.UID, r.Owner.GID
	}
	return j
}

// snapshotJSON is the content of snapshot.json.
func snapshotJSON(r *shownSnapshot, parts []string, top string) []byte {
	s := r.Snapshot
	j := summaryJSON{
		Account: escapeText(s.Account), System: s.System, Name: escapeText(r.entry.name), Time: s.Time.UTC(), Kind: s.Kind,
		Status: s.Status, Detail: escapeText(s.Detail), Indexed: s.Indexed.UTC(), Parts: parts, Counts: s.Counts,
		Entries: s.Root.Count, Content: s.Content, Refused: s.Refused, Missing: s.Notes.Of(backup.Missing),
		Source: sourceJSON{Destination: escapeText(s.Destination), Origin: escapeText(s.Origin), Files: []fileJSON{}},
	}
	for _, f := range s.Files {
		j.Source.Files = append(j.Source.Files, fileJSON{escapeText(f.Path), f.Size, time.Unix(f.MTime, 0).UTC()})
	}
	j.Notes, j.Owners = []noteJSON{}, newOwnersJSON(r)
	for _, n := range s.Notes {
		j.Notes = append(j.Notes, noteJSON{n.Kind, n.Count, escapeText(n.Example)})
	}
	j.Top = escapeText(top)
	j.Unclaimed, j.Affected = s.Unclaimed, s.Affected.Files
	for _, name := range s.Affected.First {
		j.First = append(j.First, escapeText(name))
	}
	for _, c := range s.Concerns {
		j.Concerns = append(j.Concerns, concernJSON{c.Kind, escapeText(c.Text)})
	}
	j.Verified = newVerifiedJSON(&s.Verified)
	if j.Parts == nil {
		j.Parts = []string{}
	}
	if j.Counts == nil {
		j.Counts = backup.Counts{}
	}
	return pretty(j)
}

// destinationJSON is one destination in status.json.
type destinationJSON struct {
	Name      string                `json:"name"`
	Snapshots map[backup.Status]int `json:"snapshots"`
	LastPass  any                   `json:"last_pass,omitempty"`
}

// statusJSON is the content of status.json.
func (v *View) statusJSON() []byte {
	t := v.table.Load()
	var j struct {
		Destinations []destinationJSON `json:"destinations"`
		Entries      uint64            `json:"entries"`
		Bytes        uint64            `json:"content_bytes"`
	}
	j.Destinations = []destinationJSON{}
	j.Entries, j.Bytes = t.entries, t.bytes
	for _, name := range t.names {
		d := destinationJSON{Name: escapeText(name), Snapshots: t.counts[name]}
		if v.o.Status != nil {
			d.LastPass = v.o.Status(name)
		}
		j.Destinations = append(j.Destinations, d)
	}
	return pretty(j)
}

// pretty encodes a value for people. A year that JSON cannot write, or a value handed in that cannot be
// marshalled, is told instead of shown.
func pretty(value any) []byte {
	out, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		out, _ = json.MarshalIndent(map[string]string{"error": escapeText(err.Error())}, "", "  ")
	}
	return append(out, '\n')
}
