package jobs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
)

// LastRun has the accounts that the last run of a job found, by name. They stand as JSON in the state directory:
//
//	accounts/DESTINATION/JOB.json    {"alice": {"source": "/home/alice", "from": "/home/*"}, ...}
type LastRun map[string]lastAccount

type lastAccount struct {
	Source string `json:"source"`          // its directory
	From   string `json:"from"`            // the source of the job that matched it
	Begun  int64  `json:"begun,omitempty"` // Unix seconds when a run last began with it; 0: not known
}

func lastRunFile(d state.Dir, j *config.Job) string {
	return filepath.Join(string(d), "accounts", j.Destination, j.Name+".json")
}

// LoadLastRun reads what the last run found. A file that is none counts as a first run: what it tells is no backup.
func LoadLastRun(d state.Dir, j *config.Job) (LastRun, error) {
	data, err := os.ReadFile(lastRunFile(d, j))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, d.Fault(err)
	}
	var k LastRun
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, nil
	}
	return k, nil
}

// with is what a run found that came after k's and began with the first accounts at a time. What a clock noted that was ahead is of
// that time too: it would put the account last for years.
func (k LastRun) with(accounts []Account, begun int, at time.Time) LastRun {
	found := LastRun{}
	for i, a := range accounts {
		if a.Err != nil {
			continue
		}
		when := min(k[a.Name].Begun, at.Unix())
		if i < begun {
			when = at.Unix()
		}
		found[a.Name] = lastAccount{a.Source, a.From, when}
	}
	return found
}

// longestAgoFirst puts the accounts first that no run began with for longest.
func (k LastRun) longestAgoFirst(accounts []Account) {
	slices.SortStableFunc(accounts, func(a, b Account) int { return cmp.Compare(k[a.Name].Begun, k[b.Name].Begun) })
}

// SaveLastRun keeps what a run found.
func SaveLastRun(d state.Dir, j *config.Job, k LastRun) error {
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
func (k LastRun) missing(j *config.Job, accounts []Account) []string {
	found := make(map[string]Account, len(accounts))
	for _, a := range accounts {
		if _, ok := found[a.Name]; !ok || a.Err == nil {
			found[a.Name] = a
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
			} else if a.Err == nil && a.Source != before.Source {
				warnings = append(warnings, fmt.Sprintf("account %s: it was %s, and is %s", name, before.Source, a.Source))
			}
		}
		if n := len(gone); n > 0 {
			text := strings.Join(gone[:min(n, maxListed)], ", ")
			if n > maxListed {
				text += ", ..."
			}
			warnings = append(warnings, fmt.Sprintf("source %s: the last run had %s: %s", from, term.Count(int64(n), "account that is gone", "accounts that are gone"), text))
		}
	}
	return warnings
}

func sortedNames(k LastRun) []string {
	names := make([]string, 0, len(k))
	for name := range k {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
