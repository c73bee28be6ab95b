package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/lru"
	"slotfs/indexer/manifest"
)

// stateRecheck is how long an open file of a slot is read before the slot's state is looked at again.
const stateRecheck = 5 * time.Second

// maxStates is how many slots are watched at a time.
const maxStates = 256

// states are the slots that files were opened in lately.
type states struct {
	mu sync.Mutex
	// mu guards what follows.
	known lru.Map[string, *state]
}

// of is the state of the slot that a snapshot is; nil if it is none.
func (t *states) of(r *Reader, s *backup.Snapshot) *state {
	if s.Kind != backup.Slot || len(s.Files) < 2 {
		return nil
	}
	key := s.Files[1].Path + "\x00" + s.Mark
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.known.Get(key); ok {
		return known
	}
	made := &state{r: r, path: s.Files[1].Path, mark: s.Mark}
	made.checks = coalescer{begin: r.begin, make: made.look, end: r.work.Done, most: 1}
	t.known.Put(key, made, 1)
	t.known.Shrink(maxStates, nil)
	return made
}

// state is the record of a slot. A slot says that it is about to be overwritten before anything in it changes. So what
// was opened before its record was seen to be still the one that was indexed belongs to the backup that was indexed.
type state struct {
	r    *Reader
	path string
	mark string

	checks coalescer
	// Checks run one at a time, and have what follows for themselves.
	seen  dest.Info
	valid bool // a record with the attributes seen was the one that was indexed
}

// key keeps what was read of one backup from being taken for another one's.
func (s *state) key(key string) string {
	if s == nil {
		return key
	}
	return "slot " + s.mark + "\x00" + s.path + "\x00" + key
}

// check looks at the record, beginning after it was called: backup.ErrStale unless it is the one that was indexed.
func (s *state) check(ctx context.Context) error {
	if s.mark == "" {
		return nil // it had no record that could be read
	}
	return s.checks.ask(ctx)
}

// look compares the record with what was indexed. One whose size and time are as they were is not read again.
func (s *state) look() error {
	ctx, cancel := context.WithTimeout(s.r.ctx, s.r.o.Deadline)
	defer cancel()
	stater, ok := s.r.dest.(dest.Stater)
	if !ok {
		_, err := s.read(ctx)
		return err
	}
	info, err := stater.Stat(ctx, s.path)
	if err != nil {
		return s.fault(err)
	}
	if s.valid && info.Size == s.seen.Size && info.MTime == s.seen.MTime {
		return nil
	}
	seen, err := s.read(ctx)
	s.seen, s.valid = seen, err == nil
	return err
}

// read reads the record, and tells the attributes that it has.
func (s *state) read(ctx context.Context) (dest.Info, error) {
	f, err := s.r.dest.Open(ctx, s.path)
	if err != nil {
		return dest.Info{}, s.fault(err)
	}
	defer f.Close()
	data := make([]byte, maxState+1)
	n, err := f.ReadAt(ctx, data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return dest.Info{}, s.fault(err)
	}
	// After the bytes: attributes that are older could be those of what comes next.
	info, err := f.Stat(ctx)
	if err != nil {
		return dest.Info{}, s.fault(err)
	}
	state, err := manifest.DecodeState(data[:n])
	if err != nil || state.Mark() != s.mark {
		return dest.Info{}, fmt.Errorf("%s: %w", s.path, backup.ErrStale)
	}
	return info, nil
}

// maxState is how long a record may be, in bytes.
const maxState = 4 << 10

// fault tells what a record that cannot be read means: without one the slot is being removed.
func (s *state) fault(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dest.ErrNotRegular) {
		return fmt.Errorf("%s: %w: %w", s.path, backup.ErrStale, err)
	}
	return fmt.Errorf("state of the slot: %s: %w", s.path, err)
}
