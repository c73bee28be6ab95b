package jobs

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

// Account is one thing that a job backs up.
type Account struct {
	Name   string
	Source string // absolute path of its directory
	From   string // the source of the job that it was found by
	Err    error  // why it cannot be backed up
}

// Discovery is what the sources of a job stand for.
type Discovery struct {
	Accounts []Account
	Warnings []string // about sources that are not there or match nothing
}

// Discover finds the accounts of a job, in the order of their names. A source that is not there fails alone. Of two
// directories that would be the same account, the one that was it in the last run is backed up; the other one fails.
func Discover(j *config.Job, before LastRun) Discovery {
	var d Discovery
	for _, source := range j.Source {
		found, err := accountsOf(j, source)
		switch {
		case err != nil && !(j.MayBeEmpty(source) && errors.Is(err, fs.ErrNotExist)):
			d.Warnings = append(d.Warnings, err.Error())
		case err == nil && len(found) == 0 && !j.MayBeEmpty(source):
			d.Warnings = append(d.Warnings, fmt.Sprintf("source %s: matches nothing", source))
		}
		d.Accounts = append(d.Accounts, found...)
	}
	d.Accounts = settleNames(d.Accounts, before)
	slices.SortStableFunc(d.Accounts, func(a, b Account) int { return strings.Compare(a.Name, b.Name) })
	d.Warnings = append(d.Warnings, before.missing(j, d.Accounts)...)
	return d
}

// accountsOf finds the accounts that a source stands for.
func accountsOf(j *config.Job, pattern string) ([]Account, error) {
	if !config.Pattern(pattern) {
		a := Account{Name: cmp.Or(j.AccountName, filepath.Base(pattern)), Source: filepath.Clean(pattern), From: pattern}
		err := source.Check(a.Source, j.Stall())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("source %s: %w", pattern, fs.ErrNotExist)
		case err != nil:
			return nil, fmt.Errorf("source %s: %w", pattern, err)
		}
		a.Err = config.AccountName(a.Name)
		return []Account{a}, nil
	}
	matches, err := source.Find(pattern, j.Stall())
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", pattern, err)
	}
	var all []Account
	for _, m := range matches {
		a := Account{Name: accountName(pattern, m), Source: m.Path, From: pattern, Err: m.Err}
		if err := config.AccountName(a.Name); err != nil {
			a.Err = err
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
func settleNames(all []Account, before LastRun) []Account {
	holders := make(map[string]string, len(all))
	for _, a := range all {
		if _, taken := holders[a.Name]; a.Err == nil && (!taken || before[a.Name].Source == a.Source) {
			holders[a.Name] = a.Source
		}
	}
	var out []Account
	seen := make(map[string]bool, len(all))
	for _, a := range all {
		if seen[a.Source] {
			continue // two sources match it
		}
		seen[a.Source] = true
		if holder := holders[a.Name]; a.Err == nil && holder != a.Source {
			a.Err = fmt.Errorf("%s is not backed up: account %s is %s", a.Source, a.Name, holder)
		}
		out = append(out, a)
	}
	return out
}

// Named finds the account that is asked for.
func (d *Discovery) Named(name string) (Account, bool) {
	best, ok := Account{}, false
	for _, a := range d.Accounts {
		if a.Name == name && (!ok || best.Err != nil) {
			best, ok = a, true
		}
	}
	return best, ok
}

// Names lists the accounts that can be backed up.
func (d *Discovery) Names() []string {
	var names []string
	for _, a := range d.Accounts {
		if a.Err == nil {
			names = append(names, a.Name)
		}
	}
	return names
}
