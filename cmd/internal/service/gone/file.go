package gone

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/state"
)

// Load reads the record of a job. What is no record counts as none: nothing is removed sooner for that.
func Load(d state.Dir, j *config.Job) (*Record, error) {
	r := &Record{}
	data, err := os.ReadFile(d.GoneAccounts(j.Destination, j.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, d.Fault(err)
	}
	if json.Unmarshal(data, r) != nil {
		return &Record{}, nil
	}
	for name, a := range r.Accounts {
		if a == nil {
			delete(r.Accounts, name)
		}
	}
	return r, nil
}

// Save replaces the record of a job.
func (r *Record) Save(d state.Dir, j *config.Job) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := d.GoneAccounts(j.Destination, j.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return d.Fault(err)
	}
	if err := config.WriteFile(path, append(data, '\n')); err != nil {
		return d.Fault(err)
	}
	return nil
}

// Drop takes an account, of which there are no backups any more, out of the record of a job.
func Drop(d state.Dir, j *config.Job, account string) error {
	r, err := Load(d, j)
	if err != nil || r.Accounts[account] == nil {
		return err
	}
	delete(r.Accounts, account)
	return r.Save(d, j)
}
