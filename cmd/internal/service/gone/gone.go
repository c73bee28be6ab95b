// Package gone knows which accounts of a job its runs find no more, on how many days that was seen, and which of them have been
// gone for so long that their backups may go too. It must not know how accounts are found or how slots are removed.
//
// A day counts for an account only if the run would have found it: its source is still one of the job's, the directory that it was
// in is on the same file system as when it was there, and at least as many accounts of that directory are there as are missing. So a
// file system that is not mounted and a source that vanished as a whole count for nothing. Nor do clocks that jump: a day is a new one
// by this machine's clock and by the destination's.
package gone

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Day is what gone-after counts in.
const Day = 24 * time.Hour

// warnDays is how many days before its backups are removed an account is announced.
const warnDays = 7

// Record is what is known of the accounts of a job.
type Record struct {
	Accounts    map[string]*Absence `json:"accounts"`     // that were not found, by name
	FileSystems map[string]string   `json:"file_systems"` // ids of those that directories of accounts were on when accounts were there
}

// Absence is about one account. Where it was is empty if no run of this machine found it.
type Absence struct {
	Source     string    `json:"source,omitempty"`
	From       string    `json:"from,omitempty"`        // the source of the job that it was found by
	FileSystem string    `json:"file_system,omitempty"` // that it was on; empty: not known, and no day counts
	Since      time.Time `json:"since,omitzero"`        // first day that counts
	Remote     time.Time `json:"remote_since,omitzero"` // the same by the destination's clock
	Days       []string  `json:"days,omitempty"`        // that count
	RemoteDays []string  `json:"remote_days,omitempty"`
	Announced  int       `json:"announced,omitempty"` // days on which it stood in alarms
	Kept       string    `json:"kept,omitempty"`      // why its backups are not removed although it is time
}

// Place is where an account is or was.
type Place struct{ Source, From string }

// Look is one run over all accounts of a job.
type Look struct {
	Found      map[string]Place // accounts, also those that could not be backed up
	Before     map[string]Place // that the run before found
	Stored     []string         // accounts on the destination
	Sources    []string         // of the job
	FileSystem func(directory string) string
	Now        time.Time
	Remote     time.Time // by the destination's clock; zero: not known, and no day counts
	After      time.Duration
}

// group is what is or is not there together.
type group struct{ from, directory string }

func (p Place) group() group { return group{p.From, directoryOf(p)} }

// directoryOf is the directory whose entries are accounts: of /home/*/public_html it is /home.
func directoryOf(p Place) string {
	pattern := strings.Split(filepath.Clean(p.From), "/")
	last := len(pattern) - 1
	for last > 0 && !strings.ContainsAny(pattern[last], `*?[\`) {
		last--
	}
	elements := strings.Split(filepath.Clean(p.Source), "/")
	if last == 0 || last >= len(elements) {
		return filepath.Dir(p.Source)
	}
	return filepath.Clean("/" + strings.Join(elements[:last], "/"))
}

// Update enters a run, and returns the accounts whose backups are due to be removed, sorted.
func (r *Record) Update(l *Look) (due []string) {
	if r.Accounts == nil {
		r.Accounts = map[string]*Absence{}
	}
	if r.FileSystems == nil {
		r.FileSystems = map[string]string{}
	}
	r.enter(l)
	there, missing := map[group]int{}, map[group]int{}
	for _, p := range l.Found {
		there[p.group()]++
	}
	for _, a := range r.Accounts {
		missing[a.place().group()]++
	}
	systems := map[string]string{}
	for g := range there {
		systems[g.directory] = l.FileSystem(g.directory)
	}
	for name, a := range r.Accounts {
		g := a.place().group()
		if !slices.Contains(l.Sources, a.From) || there[g] < max(1, missing[g]) || a.FileSystem == "" || systems[g.directory] != a.FileSystem {
			continue
		}
		a.count(l)
		if a.due(l) {
			due = append(due, name)
		}
	}
	for directory, id := range systems {
		r.FileSystems[directory] = id
	}
	slices.Sort(due)
	return due
}

// enter takes accounts in that are missing, and those out that are there.
func (r *Record) enter(l *Look) {
	for name, p := range l.Before {
		if _, found := l.Found[name]; !found && r.Accounts[name] == nil {
			r.Accounts[name] = &Absence{Source: p.Source, From: p.From, FileSystem: r.FileSystems[directoryOf(p)]}
		}
	}
	for _, name := range l.Stored {
		if _, found := l.Found[name]; !found && r.Accounts[name] == nil {
			r.Accounts[name] = &Absence{}
		}
	}
	for name := range l.Found {
		delete(r.Accounts, name)
	}
}

func (a *Absence) place() Place { return Place{a.Source, a.From} }

// count counts the day of a run, once.
func (a *Absence) count(l *Look) {
	day, remote := l.Now.Format(time.DateOnly), l.Remote.UTC().Format(time.DateOnly)
	if l.Remote.IsZero() || slices.Contains(a.Days, day) || slices.Contains(a.RemoteDays, remote) {
		return
	}
	if len(a.Days) == 0 {
		a.Since, a.Remote = l.Now, l.Remote
	}
	a.Days, a.RemoteDays = append(a.Days, day), append(a.RemoteDays, remote)
	if _, soon := a.Left(l.After); soon {
		a.Announced++
	}
}

// needed is how many days have to count.
func needed(after time.Duration) int { return int((after + Day - 1) / Day) }

// Left is how many days more have to count until backups are removed after a time, at least; soon says that it is time to tell.
func (a *Absence) Left(after time.Duration) (days int, soon bool) {
	if after <= 0 || len(a.Days) == 0 {
		return 0, false
	}
	left := max(needed(after)-len(a.Days), min(warnDays, needed(after)-1)-a.Announced, 0)
	return left, left <= warnDays
}

// due reports whether it is time, by both clocks and the days that were seen.
func (a *Absence) due(l *Look) bool {
	left, _ := a.Left(l.After)
	return l.After > 0 && len(a.Days) > 0 && left == 0 && !l.Remote.IsZero() &&
		l.Now.Sub(a.Since) >= l.After && l.Remote.Sub(a.Remote) >= l.After
}
