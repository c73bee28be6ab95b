package config

import (
	"fmt"
	"time"

	"slotfs/cmd/internal/schedule"
)

// Turns say when runs may write to a destination that others write to as well.
type Turns struct {
	Window     string        // part of each day, as schedule.ParseWindow takes it; "": all of it
	Jitter     time.Duration // a run begins later by a random time up to this one
	MaxWriters int           // runs that write at once; 0: any number
	MaxWait    time.Duration // for others to end; 0: DefaultMaxWait, Never: without end
}

// DefaultMaxWait is how long a run waits for others to end.
const DefaultMaxWait = 12 * time.Hour

// Bounds of Turns.
const (
	maxJitter  = 24 * time.Hour
	maxWriters = 1000
)

// turns reads the keys of Turns. With an error comes the key that it is about.
func (t *table) turns(to *Turns) (string, error) {
	to.Window, to.MaxWriters = t.Window, t.MaxWriters
	if t.Jitter != nil {
		v, err := time.ParseDuration(*t.Jitter)
		if err != nil || v < 0 || v > maxJitter {
			return "jitter", fmt.Errorf(`jitter %q: want a duration like "15m", at most %v`, *t.Jitter, maxJitter)
		}
		to.Jitter = v
	}
	if t.MaxWait != nil {
		v, err := ParseAge(*t.MaxWait)
		if err != nil {
			return "max-wait", fmt.Errorf("max-wait %w", err)
		}
		to.MaxWait = v
	}
	return "", nil
}

// checkTurns checks when runs may write.
func (d *Destination) checkTurns() (string, error) {
	if d.MaxWriters < 0 || d.MaxWriters > maxWriters {
		return "max-writers", fmt.Errorf("max-writers %d: want 1 to %d, or 0 for no limit", d.MaxWriters, maxWriters)
	}
	if _, err := schedule.ParseWindow(d.Window); err != nil {
		return "window", fmt.Errorf("window %w", err)
	}
	if d.Turns != (Turns{}) && d.Engine == scheduled {
		return "engine", fmt.Errorf("window, jitter, max-writers, max-wait: nothing writes to a destination with the engine %s", d.Engine)
	}
	return "", nil
}

// Limit is how long a run waits for others to end; 0: without end.
func (t *Turns) Limit() time.Duration {
	switch {
	case t.MaxWait == 0:
		return DefaultMaxWait
	case t.MaxWait == Never:
		return 0
	}
	return t.MaxWait
}

// Open is the window. A text that is none, which the check keeps out, is always open.
func (t *Turns) Open() schedule.Window {
	w, err := schedule.ParseWindow(t.Window)
	if err != nil {
		return schedule.Window{}
	}
	return w
}
