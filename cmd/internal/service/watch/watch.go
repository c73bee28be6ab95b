// Package watch looks after an installation: it gathers what is known of the backups, has people told of what is wrong, and puts
// it into metrics. It must not make backups or passes, and it opens neither the index nor a destination: what those know is
// handed to it.
package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/alarm/send"
	"slotfs/cmd/internal/service/gone"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/state"
)

// Watcher looks after the installation with one state directory.
type Watcher struct {
	State state.Dir
	Log   *slog.Logger
	Now   func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	follower *history.Follower
	restores *restoreFollower
	board    *history.Board
	looked   time.Time // when the board was read last
}

// setBack is from how much on a clock that goes back was wrong before: what the board took for the newest may be of that time.
const setBack = time.Hour

// Board is how everything stands by its records.
func (w *Watcher) Board() (*history.Board, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Now().Round(0)
	if w.board == nil || now.Before(w.looked.Add(-setBack)) {
		store := &history.Store{Dir: w.State.History(), Now: w.Now}
		w.board, w.follower = history.NewBoard(w.Now), store.Follow()
	}
	w.looked = now
	skipped := w.follower.Skipped
	if err := w.follower.Poll(w.board.Take); err != nil {
		return nil, w.State.Fault(err)
	}
	if n := w.follower.Skipped - skipped; n > 0 {
		w.Log.Warn("history: lines that are no records were skipped", "directory", w.State.History(), "lines", n)
	}
	return w.board.Clone(), nil
}

// Facts are what is known now. seen is what the process that has the index tells.
func (w *Watcher) Facts(c *config.Config, seen alarm.Seen) (*alarm.Facts, error) {
	board, err := w.Board()
	if err != nil {
		return nil, err
	}
	f := &alarm.Facts{Now: w.Now(), Config: c, Board: board, Seen: seen, Members: map[string]map[string]bool{}, Gone: map[string]map[string]*gone.Absence{}}
	f.Configured = f.Now
	if info, err := os.Stat(c.Path); err == nil {
		f.Configured = info.ModTime()
	}
	if len(c.Notify) > 0 {
		if f.Restores, err = w.recentRestores(); err != nil {
			w.Log.Warn("restores into live accounts", "error", err)
		}
	}
	for name, j := range c.Jobs {
		if f.Members[name], err = w.members(j); err != nil {
			w.Log.Warn("accounts of the last run", "job", name, "error", err)
		}
		missing, err := gone.Load(w.State, j)
		if err != nil {
			return nil, err
		}
		f.Gone[name] = missing.Accounts
	}
	return f, nil
}

// members are the accounts that the last run of a job found; nil: not known.
func (w *Watcher) members(j *config.Job) (map[string]bool, error) {
	data, err := os.ReadFile(w.State.FoundAccounts(j.Destination, j.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found map[string]json.RawMessage
	if json.Unmarshal(data, &found) != nil {
		return nil, nil // it counts as a first run
	}
	members := make(map[string]bool, len(found))
	for name := range found {
		members[name] = true
	}
	return members, nil
}

// Tell has people told of what is wrong and what is good again. last says that nobody tells soon again. The errors say what could
// not be delivered, each with its cure.
func (w *Watcher) Tell(ctx context.Context, f *alarm.Facts, r *alarm.Report, last bool) []error {
	d := w.desk(f.Config)
	d.Last = last
	failures := d.Tell(ctx, r)
	if ctx.Err() != nil {
		return nil
	}
	return failures
}

// Test has a notifier deliver a test.
func (w *Watcher) Test(ctx context.Context, c *config.Config, n *config.Notify) error {
	if err := w.desk(c).Test(ctx, n); err != nil {
		return fmt.Errorf("notify %s: %w", n.Name, err)
	}
	return nil
}

func (w *Watcher) desk(c *config.Config) *alarm.Desk {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return &alarm.Desk{Dir: w.State.Alarms(), Host: host, Config: c, Sender: sender, Now: w.Now}
}

// sender makes what delivers for a notifier.
func sender(n *config.Notify) (send.Sender, error) {
	url, err := urlOf(n)
	if err != nil {
		return nil, err
	}
	return send.New(n, url)
}

// urlOf is the URL that a notifier delivers to; "" if it has another way.
func urlOf(n *config.Notify) (string, error) {
	if n.URLFile == "" {
		return n.URL, nil
	}
	url, err := state.ReadSecret(n.URLFile)
	if err != nil {
		return "", fmt.Errorf("url-file: %w", err)
	}
	return url, nil
}
