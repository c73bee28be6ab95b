package slots

import (
	"context"
	"errors"
	"fmt"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/sftpdest/slot"
)

// Changed says what was done to a slot.
type Changed struct {
	Changed string `json:"changed"` // "pinned", "unpinned", "deleted"
	Job     string `json:"job"`
	Account string `json:"account"`
	Slot    int    `json:"slot"`
}

// Pin protects a slot from being overwritten, or ends that. adopt takes over slots that another machine wrote.
func (s *Set) Pin(ctx context.Context, account string, number int, pinned, adopt bool) (Changed, error) {
	word := "pinned"
	if !pinned {
		word = "unpinned"
	}
	return s.change(ctx, account, number, word, func(machine string) error {
		err := slot.Pin(ctx, s.Store, jobs.Directory(s.Job, account), number, pinned, slot.Owner{Machine: machine, Adopt: adopt})
		if err != nil {
			return fmt.Errorf("account %s: slot %d: %w", account, number, jobs.Advised(err))
		}
		return nil
	})
}

// Delete removes a slot with the backup in it. o.Machine is filled in.
func (s *Set) Delete(ctx context.Context, account string, number int, o slot.DeleteOptions) (Changed, error) {
	return s.change(ctx, account, number, "deleted", func(machine string) error {
		o.Machine = machine
		err := slot.Delete(ctx, s.Store, jobs.Directory(s.Job, account), number, o)
		switch {
		case errors.Is(err, slot.ErrPinned):
			err = exit.Hinted(err, fmt.Sprintf("slotfs unpin %s %s %d", s.Job.Name, account, number))
		case errors.Is(err, slot.ErrLastBackup):
			err = exit.Hinted(err, "--force deletes it all the same")
		}
		if err != nil {
			return fmt.Errorf("account %s: %w", account, jobs.Advised(err))
		}
		return nil
	})
}

// change does something to a slot while it holds the account: a run that begins just then must see what is done or be seen by it.
func (s *Set) change(ctx context.Context, account string, number int, word string, do func(machine string) error) (Changed, error) {
	if err := config.AccountName(account); err != nil {
		return Changed{}, exit.With(err, exit.Usage, "")
	}
	held, err := s.State.LockAccount(s.Job.Destination, account)
	if err != nil {
		return Changed{}, fmt.Errorf("account %s: %w", account, err)
	}
	defer held.Release()
	if err := s.has(ctx, account, number); err != nil {
		return Changed{}, err
	}
	machine, err := s.machine()
	if err == nil {
		err = do(machine)
	}
	return Changed{Changed: word, Job: s.Job.Name, Account: account, Slot: number}, err
}
