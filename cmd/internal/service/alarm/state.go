package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/config"
)

// State is who was told of what. It stands as JSON in DIR/told.json; who changes it holds DIR/lock.
type State struct {
	Notifiers map[string]*Told `json:"notifiers"`
}

// Told is what one notifier has delivered, and what it could not.
type Told struct {
	// Wrong is what people were told is wrong, and not yet that it is not any more.
	Wrong []Finding `json:"wrong,omitempty"`
	// Missed is what went wrong and was good again before it could be told.
	Missed   []Finding `json:"missed,omitempty"`
	LastSent time.Time `json:"last_sent,omitzero"`
	// Tries counts the deliveries that failed in a row, Error says why the last one did.
	Tries   int       `json:"tries,omitempty"`
	NextTry time.Time `json:"next_try,omitzero"`
	Error   string    `json:"error,omitempty"`
	Hint    string    `json:"hint,omitempty"`
	// Tried is what the deliveries that failed wanted to tell.
	Tried []Finding `json:"tried,omitempty"`
}

// maxKept bounds each list of findings that is kept of a notifier.
const maxKept = 1000

// maxState bounds the file that is read.
const maxState = 64 << 20

func statePath(dir string) string { return filepath.Join(dir, "told.json") }

// Load reads the state in dir. A file that is none counts as nobody told: people would rather hear twice than never.
func Load(dir string) (*State, error) {
	s := &State{}
	info, err := os.Stat(statePath(dir))
	if err == nil && info.Size() <= maxState {
		var data []byte
		if data, err = os.ReadFile(statePath(dir)); err == nil && json.Unmarshal(data, s) != nil {
			s = &State{}
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("alarms: %w", err)
	}
	if s.Notifiers == nil {
		s.Notifiers = map[string]*Told{}
	}
	for name, told := range s.Notifiers {
		if told == nil {
			s.Notifiers[name] = &Told{}
		}
	}
	return s, nil
}

func (s *State) save(dir string) error {
	for _, t := range s.Notifiers {
		t.Wrong, t.Missed, t.Tried = t.Wrong[:min(len(t.Wrong), maxKept)], t.Missed[:min(len(t.Missed), maxKept)], t.Tried[:min(len(t.Tried), maxKept)]
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("alarms: %w", err)
	}
	if err := config.WriteFile(statePath(dir), append(data, '\n')); err != nil {
		return fmt.Errorf("alarms: %w", err)
	}
	return nil
}

// lockPause is how often a lock that another process holds is asked for again.
const lockPause = 100 * time.Millisecond

// ErrBusy says that another process is telling people.
var ErrBusy = errors.New("another process is sending alarms")

// lock takes the lock of dir, waiting until ctx ends.
func lock(ctx context.Context, dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("alarms: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("alarms: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("alarms: lock: %w", err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ErrBusy
		case <-time.After(lockPause):
		}
	}
}
