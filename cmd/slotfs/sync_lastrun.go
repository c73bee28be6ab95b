package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/state"
)

// lastRun has the accounts that the last run of a job found, by name. They stand as JSON in the state directory:
//
//	accounts/DESTINATION/JOB.json    {"alice": {"source": "/home/alice", "from": "/home/*"}, ...}
type lastRun map[string]lastAccount

type lastAccount struct {
	Source string `json:"source"` // its directory
	From   string `json:"from"`   // the source of the job that matched it
}

func lastRunFile(d state.Dir, j *config.Job) string {
	return filepath.Join(string(d), "accounts", j.Destination, j.Name+".json")
}

// loadLastRun reads what the last run found. A file that is none counts as a first run: what it tells is no backup.
func loadLastRun(d state.Dir, j *config.Job) (lastRun, error) {
	data, err := os.ReadFile(lastRunFile(d, j))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, d.Fault(err)
	}
	var k lastRun
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, nil
	}
	return k, nil
}

// saveLastRun keeps what a run found.
func saveLastRun(d state.Dir, j *config.Job, accounts []account) error {
	k := lastRun{}
	for _, a := range accounts {
		if a.err == nil {
			k[a.name] = lastAccount{a.source, a.from}
		}
	}
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	path := lastRunFile(d, j)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return d.Fault(err)
	}
	if err := config.WriteFile(path, append(data, '\n')); err != nil {
		return d.Fault(err)
	}
	return nil
}

// maxListed bounds how many names a warning lists.
const maxListed = 100

// missing tells which accounts the last run had and this one has not, and which ones are another directory now.
func (k lastRun) missing(j *config.Job, accounts []account) []string {
	found := make(map[string]account, len(accounts))
	for _, a := range accounts {
		if _, ok := found[a.name]; !ok || a.err == nil {
			found[a.name] = a
		}
	}
	var warnings []string
	for _, from := range j.Source {
		var gone []string
		for _, name := range sortedNames(k) {
			before := k[name]
			if a, ok := found[name]; before.From != from || j.MayBeEmpty(from) {
				continue
			} else if !ok {
				gone = append(gone, name)
			} else if a.err == nil && a.source != before.Source {
				warnings = append(warnings, fmt.Sprintf("account %s: it was %s, and is %s", name, before.Source, a.source))
			}
		}
		if n := len(gone); n > 0 {
			text := strings.Join(gone[:min(n, maxListed)], ", ")
			if n > maxListed {
				text += ", ..."
			}
			warnings = append(warnings, fmt.Sprintf("source %s: the last run had %d accounts that are gone: %s", from, n, text))
		}
	}
	return warnings
}

func sortedNames(k lastRun) []string {
	names := make([]string, 0, len(k))
	for name := range k {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
