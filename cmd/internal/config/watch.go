package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Defaults of what is watched.
const (
	DefaultMaxAge           = 26 * time.Hour
	DefaultUnreachableAfter = 2 * time.Hour
	DefaultNearlyFull       = 95
	DefaultDumpShrinks      = 10
	DefaultHomeShrinks      = 50
)

// Watch is the [watch] table: when something is wrong although nothing failed.
//
//	[watch]
//	max-age = "26h"                  age of the newest good backup from which on there is an alarm; "3d" is 72 hours, and "never"
//	                                 watches nothing. Jobs and destinations may have a max-age of their own
//	unreachable-after = "2h"         a destination that does not answer for so long is an alarm of its own
//	nearly-full = 95                 percent of a destination's file system in use from which on there is an alarm
//	dump-shrinks-to = 10             percent of its last size; a database dump that has less is a concern. 0: none is
//	home-shrinks-to = 50             percent of the entries of the home directory, or of the bytes of the backup, before
type Watch struct {
	MaxAge           time.Duration // Never: not watched
	UnreachableAfter time.Duration
	NearlyFull       int // percent
	DumpShrinks      int // percent of its size before
	HomeShrinks      int // percent of what was there before
}

// Never is the age of what is not watched.
const Never = -1

// Bounds of what is watched.
const (
	minAge = time.Minute
	maxAge = 400 * 24 * time.Hour
)

// watchTable is the table as it stands in the file.
type watchTable struct {
	MaxAge           *string `toml:"max-age"`
	UnreachableAfter *string `toml:"unreachable-after"`
	NearlyFull       *int    `toml:"nearly-full"`
	DumpShrinks      *int    `toml:"dump-shrinks-to"`
	HomeShrinks      *int    `toml:"home-shrinks-to"`
}

// watch fills defaults in and checks. With an error comes the key that it is about.
func (t *watchTable) watch() (w Watch, key string, err error) {
	w = Watch{MaxAge: DefaultMaxAge, UnreachableAfter: DefaultUnreachableAfter, NearlyFull: DefaultNearlyFull,
		DumpShrinks: DefaultDumpShrinks, HomeShrinks: DefaultHomeShrinks}
	if t == nil {
		return w, "", nil
	}
	if t.MaxAge != nil {
		if w.MaxAge, err = ParseAge(*t.MaxAge); err != nil {
			return w, "max-age", fmt.Errorf("max-age %w", err)
		}
	}
	if t.UnreachableAfter != nil {
		if w.UnreachableAfter, err = ParseAge(*t.UnreachableAfter); err != nil {
			return w, "unreachable-after", fmt.Errorf("unreachable-after %w", err)
		}
	}
	w.NearlyFull = or(t.NearlyFull, DefaultNearlyFull)
	if w.NearlyFull < 1 || w.NearlyFull > 100 {
		return w, "nearly-full", fmt.Errorf("nearly-full %d: want 1 to 100 percent", w.NearlyFull)
	}
	w.DumpShrinks = or(t.DumpShrinks, DefaultDumpShrinks)
	if w.DumpShrinks < 0 || w.DumpShrinks > 100 {
		return w, "dump-shrinks-to", fmt.Errorf("dump-shrinks-to %d: want 0 to 100 percent", w.DumpShrinks)
	}
	w.HomeShrinks = or(t.HomeShrinks, DefaultHomeShrinks)
	if w.HomeShrinks < 0 || w.HomeShrinks > 100 {
		return w, "home-shrinks-to", fmt.Errorf("home-shrinks-to %d: want 0 to 100 percent", w.HomeShrinks)
	}
	return w, "", nil
}

// ParseAge reads how old something may be: "26h", "90m", "3d", or "never" for any age.
func ParseAge(text string) (time.Duration, error) {
	if text == "never" {
		return Never, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(max(n, -1), 10_000)) * 24 * time.Hour
	}
	if err != nil {
		return 0, fmt.Errorf(`%q: want an age like "26h" or "3d", or "never"`, text)
	}
	if d < minAge || d > maxAge {
		return 0, fmt.Errorf("%q: want 1m to 400d", text)
	}
	return d, nil
}

// FormatAge writes an age as ParseAge reads it; empty for 0.
func FormatAge(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return ""
	case d < 0:
		return "never"
	case d >= 3*day && d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return d.String()
}

// ownAge reads the max-age of a job or a destination; absent: that of Watch.
func ownAge(text *string) (time.Duration, error) {
	if text == nil {
		return 0, nil
	}
	d, err := ParseAge(*text)
	if err != nil {
		return 0, fmt.Errorf("max-age %w", err)
	}
	return d, nil
}

// Age is how old the newest good backup may be where a job or destination has the age own; Never: any.
func (w Watch) Age(own time.Duration) time.Duration {
	if own != 0 {
		return own
	}
	return w.MaxAge
}
