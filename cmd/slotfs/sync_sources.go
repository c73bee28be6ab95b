package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/sftpdest/slot/source"
)

// account is one thing that a job backs up.
type account struct {
	name   string
	source string // absolute path of its directory
	from   string // the source of the job that it was found by
	err    error  // why it cannot be backed up
}

// discovery is what the sources of a job stand for.
type discovery struct {
	accounts []account
	warnings []string // about sources that are not there or match nothing
}

// discover finds the accounts of a job, in the order of their names. A source that is not there fails alone. Of two
// directories that would be the same account, the one that was it in the last run is backed up; the other one fails.
func discover(j *config.Job, before lastRun) discovery {
	var d discovery
	for _, source := range j.Source {
		found, err := accountsOf(j, source)
		switch {
		case err != nil && !(j.MayBeEmpty(source) && errors.Is(err, fs.ErrNotExist)):
			d.warnings = append(d.warnings, err.Error())
		case err == nil && len(found) == 0 && !j.MayBeEmpty(source):
			d.warnings = append(d.warnings, fmt.Sprintf("source %s: matches nothing", source))
		}
		d.accounts = append(d.accounts, found...)
	}
	d.accounts = settleNames(d.accounts, before)
	slices.SortStableFunc(d.accounts, func(a, b account) int { return strings.Compare(a.name, b.name) })
	d.warnings = append(d.warnings, before.missing(j, d.accounts)...)
	return d
}

// accountsOf finds the accounts that a source stands for.
func accountsOf(j *config.Job, pattern string) ([]account, error) {
	if !config.Pattern(pattern) {
		a := account{name: cmp.Or(j.AccountName, filepath.Base(pattern)), source: filepath.Clean(pattern), from: pattern}
		err := source.Check(a.source, j.Stall())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("source %s: %w", pattern, fs.ErrNotExist)
		case err != nil:
			return nil, fmt.Errorf("source %s: %w", pattern, err)
		}
		a.err = config.AccountName(a.name)
		return []account{a}, nil
	}
	matches, err := source.Find(pattern, j.Stall())
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", pattern, err)
	}
	var all []account
	for _, m := range matches {
		a := account{name: accountName(pattern, m), source: m.Path, from: pattern, err: m.Err}
		if err := config.AccountName(a.name); err != nil {
			a.err = err
		}
		all = append(all, a)
	}
	return all, nil
}

// accountName is the name of a match: that of its directory or, where the pattern ends with a name that all matches share
// (/home/*/public_html), what the last wildcard stands for.
func accountName(pattern string, m source.Match) string {
	if config.Pattern(filepath.Base(pattern)) {
		return filepath.Base(m.Path)
	}
	return m.Name
}

// settleNames gives each name to one directory: to the one that had it before, else to the first one. The others fail, and
// take nothing from it: customers may choose the names of directories.
func settleNames(all []account, before lastRun) []account {
	holders := make(map[string]string, len(all))
	for _, a := range all {
		if _, taken := holders[a.name]; a.err == nil && (!taken || before[a.name].Source == a.source) {
			holders[a.name] = a.source
		}
	}
	var out []account
	seen := make(map[string]bool, len(all))
	for _, a := range all {
		if seen[a.source] {
			continue // two sources match it
		}
		seen[a.source] = true
		if holder := holders[a.name]; a.err == nil && holder != a.source {
			a.err = fmt.Errorf("%s is not backed up: account %s is %s", a.source, a.name, holder)
		}
		out = append(out, a)
	}
	return out
}

// named finds the account that is asked for.
func (d *discovery) named(name string) (account, bool) {
	best, ok := account{}, false
	for _, a := range d.accounts {
		if a.name == name && (!ok || best.err != nil) {
			best, ok = a, true
		}
	}
	return best, ok
}

// names lists the accounts that can be backed up.
func (d *discovery) names() []string {
	var names []string
	for _, a := range d.accounts {
		if a.err == nil {
			names = append(names, a.name)
		}
	}
	return names
}
