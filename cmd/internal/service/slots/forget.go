package slots

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/gone"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/sftpdest/slot"
)

// Forgotten says which of an account's backups were removed.
type Forgotten struct {
	Changed string `json:"changed"` // "forgotten"
	Job     string `json:"job"`
	Account string `json:"account"`
	Slots   int    `json:"slots"`
	Bytes   int64  `json:"bytes"` // as far as their states tell
}

// Room tells how many slots an account has and how many bytes they take, as far as their states tell.
func (s *Set) Room(ctx context.Context, account string) (count int, bytes int64, err error) {
	if err := config.AccountName(account); err != nil {
		return 0, 0, exit.With(err, exit.Usage, "")
	}
	all, err := s.read(ctx, account)
	return len(all), slot.Room(all), err
}

// Forget removes all slots of an account. What an interrupted call left is removed too. adopt removes also what another machine wrote.
func (s *Set) Forget(ctx context.Context, account string, adopt bool) (Forgotten, error) {
	f := Forgotten{Changed: "forgotten", Job: s.Job.Name, Account: account}
	if err := config.AccountName(account); err != nil {
		return f, exit.With(err, exit.Usage, "")
	}
	held, err := s.State.LockAccount(s.Job.Destination, account)
	if err != nil {
		return f, fmt.Errorf("account %s: %w", account, err)
	}
	defer held.Release()
	machine, err := s.machine()
	if err != nil {
		return f, err
	}
	began := time.Now()
	removed, err := slot.Forget(ctx, s.Store, jobs.Directory(s.Job, account), slot.Owner{Machine: machine, Adopt: adopt})
	f.Slots, f.Bytes = len(removed), slot.Room(removed)
	if errors.Is(err, slot.ErrPinned) {
		err = exit.Hinted(err, fmt.Sprintf("`slotfs slots %s --account %s` shows it; slotfs unpin %s %s SLOT", s.Job.Name, account, s.Job.Name, account))
	}
	if err != nil {
		return f, fmt.Errorf("account %s: %w", account, jobs.Advised(err))
	}
	if err := gone.Drop(s.State, s.Job, account); err != nil {
		s.Warn(fmt.Sprintf("account %s still counts as gone: %v", account, err), exit.Hint(err))
	}
	jobs.Record(s.State, history.Record{Kind: history.Forget, Began: began, Ended: time.Now(), Seconds: time.Since(began).Seconds(), Destination: s.Job.Destination,
		Job: s.Job.Name, Account: account, Bytes: f.Bytes, Deleted: int64(f.Slots), Result: history.Complete}, s.Warn)
	return f, nil
}
