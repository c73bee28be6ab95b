// Package record knows what restores changed in live accounts: a directory for each of them, with what is needed to put back what was
// there before. It must not know how anything is put back.
//
// A directory is called as its id and holds record.json, which is replaced as a whole at each step, lock, which is held by the process
// that is at work, and what the restore keeps there.
package record

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/indexer/durable"
)

// Record is one restore into a live account.
type Record struct {
	ID      string          `json:"id"`
	Time    time.Time       `json:"time"`
	Kind    string          `json:"kind"`          // database, files, mail, cron
	Who     string          `json:"who,omitempty"` // asked for it
	Account string          `json:"account"`
	Source  string          `json:"source"` // path of what was restored; of an undo: the id that it puts back
	Target  string          `json:"target"` // what was changed
	Stage   string          `json:"stage"`
	Group   string          `json:"group,omitempty"`  // id of the restore that this one is part of
	Undone  string          `json:"undone,omitempty"` // id of the restore that put back what was there before
	Detail  json.RawMessage `json:"detail,omitempty"`

	dir  string
	lock *os.File
}

// Done is the stage of a restore that has ended, and Failed that of one that changed nothing.
const (
	Done   = "done"
	Failed = "failed"
)

// Ended reports whether nothing is left to do.
func (r *Record) Ended() bool { return r.Stage == Done || r.Stage == Failed }

// Dir is where the restore keeps what is needed to undo it.
func (r *Record) Dir() string { return r.dir }

// Store has the records of a machine.
type Store struct {
	Dir        string
	Now        func() time.Time
	Who, Group string // of new records
}

// ErrBusy says that another process is at work on a record.
var ErrBusy = errors.New("another process is at work on it")

// ErrNone says that there is no such record.
var ErrNone = errors.New("no such restore")

var validID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}-[a-z2-7]{8}$`)

// New begins a record. Its lock is held until Close.
func (s *Store) New(r Record) (*Record, error) {
	r.Time, r.Who, r.Group = s.Now().UTC().Truncate(time.Second), s.Who, s.Group
	r.ID = r.Time.Format("20060102T150405") + "-" + strings.ToLower(rand.Text()[:8])
	r.dir = filepath.Join(s.Dir, r.ID)
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		return nil, err
	}
	if err := r.take(); err != nil {
		return nil, err
	}
	return &r, r.Save()
}

// take takes the lock.
func (r *Record) take() error {
	f, err := os.OpenFile(filepath.Join(r.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("restore %s: %w", r.ID, ErrBusy)
		}
		return err
	}
	r.lock = f
	return nil
}

// Close gives the lock back.
func (r *Record) Close() error {
	if r.lock == nil {
		return nil
	}
	err := r.lock.Close()
	r.lock = nil
	return err
}

// Save makes the record last, whole or as it was.
func (r *Record) Save() error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(r.dir, "record.json")
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err == nil {
		err = durable.SyncDir(r.dir)
	}
	if err != nil {
		return fmt.Errorf("record of restore %s: %w", r.ID, err)
	}
	return nil
}

// Reach saves the record with a stage and details.
func (r *Record) Reach(stage string, detail any) error {
	data, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	r.Stage, r.Detail = stage, data
	return r.Save()
}

// Hold keeps other restores from an account until release is called: two at once would undo each other's work.
func (s *Store) Hold(account string) (release func(), err error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	r := &Record{ID: "of account " + account, dir: filepath.Join(s.Dir, "."+strings.ReplaceAll(account, "/", "_"))}
	if err := os.Mkdir(r.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := r.take(); err != nil {
		return nil, err
	}
	return func() { r.Close() }, nil
}

// Read reads a record without its lock.
func (s *Store) Read(id string) (*Record, error) {
	if !validID.MatchString(id) {
		return nil, fmt.Errorf("restore %q: %w", id, ErrNone)
	}
	r := &Record{dir: filepath.Join(s.Dir, id)}
	data, err := os.ReadFile(filepath.Join(r.dir, "record.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("restore %s: %w", id, ErrNone)
	}
	if err == nil {
		err = json.Unmarshal(data, r)
	}
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w", id, err)
	}
	return r, nil
}

// Open reads a record and takes its lock.
func (s *Store) Open(id string) (*Record, error) {
	r, err := s.Read(id)
	if err != nil {
		return nil, err
	}
	if err := r.take(); err != nil {
		return nil, err
	}
	again, err := s.Read(id) // what it was when the lock was free
	if err != nil {
		r.Close()
		return nil, err
	}
	again.lock = r.lock
	return again, nil
}

// List reads all records, the oldest first.
func (s *Store) List() ([]*Record, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*Record
	for _, e := range entries {
		if r, err := s.Read(e.Name()); err == nil {
			all = append(all, r)
		}
	}
	return all, nil
}

// Tidy has do finish or take back the restores of some kinds that were interrupted, as far as nobody is at work on them. It tells which.
func (s *Store) Tidy(do func(*Record) error, kinds ...string) (ids []string, err error) {
	all, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if !slices.Contains(kinds, one.Kind) || one.Ended() {
			continue
		}
		done, tidyErr := s.tidy(one.ID, do)
		if tidyErr != nil {
			err = errors.Join(err, fmt.Errorf("restore %s: %w", one.ID, tidyErr))
		} else if done {
			ids = append(ids, one.ID)
		}
	}
	return ids, err
}

func (s *Store) tidy(id string, do func(*Record) error) (done bool, err error) {
	r, err := s.Open(id)
	if errors.Is(err, ErrBusy) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	if r.Ended() {
		return false, nil
	}
	err = do(r)
	return err == nil, err
}

// Expire removes what restores kept that ended longer ago than keep. Whoever is at work keeps his.
func (s *Store) Expire(keep time.Duration) error {
	all, err := s.List()
	for _, old := range all {
		if !old.Ended() || s.Now().Sub(old.Time) <= keep {
			continue
		}
		r, openErr := s.Open(old.ID)
		if openErr != nil {
			continue
		}
		err = errors.Join(err, os.RemoveAll(r.dir), r.Close())
	}
	return err
}
