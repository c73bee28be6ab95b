package cpanel

import (
	"strings"
	"time"
)

// role is what a directory is for, as far as its path tells.
type role int

const (
	anyDirectory     role = iota // may hold sets, loose archives or more directories
	accountsSet                  // YYYY-MM-DD/accounts
	accountDirectory             // YYYY-MM-DD/accounts/USER
	systemDirectory              // YYYY-MM-DD/system
	legacySet                    // cpbackup/daily
	legacyDirectory              // cpbackup/daily/USER
	inside                       // below one of the directories that are backups themselves
)

// location is where a directory stands on a destination.
type location struct {
	role      role
	origin    string    // the path without the elements that belong to the set
	set       string    // of a dated set: the snapshot's name; of a legacy set: the ending of it
	date      time.Time // of a dated set
	directory string    // last element of the path
}

// locationOf tells what the directory at path is for. The first accounts/ below a date counts, and the last date
// above it: origins may look like dates themselves.
func locationOf(path string) location {
	if path == "" {
		return location{}
	}
	elems := strings.Split(path, "/")
	p := location{directory: elems[len(elems)-1]}
	dated := -1
	for i, e := range elems {
		depth := len(elems) - 1 - i
		switch {
		case e == "accounts" && dated >= 0:
			p.inSet(elems[:i], dated)
			p.role = pick(depth, accountsSet, accountDirectory)
			return p
		case e == "system" && dated >= 0 && dated == i-1:
			p.inSet(elems[:i], dated)
			p.role = pick(depth, systemDirectory, inside)
			return p
		case e == "cpbackup" && depth > 0 && isPeriod(elems[i+1]):
			p.origin, p.set = strings.Join(elems[:i], "/"), "legacy-"+elems[i+1]
			p.role = pick(depth-1, legacySet, legacyDirectory)
			return p
		case isDate(e):
			dated = i
		}
	}
	p.origin = path
	if dated >= 0 {
		p.inSet(elems, dated)
	}
	return p
}

// pick tells the role of a directory that stands depth levels below one with role top.
func pick(depth int, top, child role) role {
	switch depth {
	case 0:
		return top
	case 1:
		return child
	}
	return inside
}

// inSet fills in origin, set and date for a path whose element number dated is a date.
func (p *location) inSet(elems []string, dated int) {
	p.set = elems[dated]
	p.date, _ = time.Parse(time.DateOnly, elems[dated])
	before := elems[:dated]
	if n := len(before); n > 0 && (before[n-1] == "weekly" || before[n-1] == "monthly") {
		p.set += "." + before[n-1]
		before = before[:n-1]
	}
	origin := append(append([]string{}, before...), elems[dated+1:]...)
	p.origin = strings.Join(origin, "/")
}

// isDate reports whether name is a day that exists, as YYYY-MM-DD.
func isDate(name string) bool {
	if len(name) != len(time.DateOnly) {
		return false
	}
	_, err := time.Parse(time.DateOnly, name)
	return err == nil
}

func isPeriod(name string) bool {
	return name == "daily" || name == "weekly" || name == "monthly"
}
