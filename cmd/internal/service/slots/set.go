// Package slots knows what can be done with the slots that a job wrote: list, pin, delete and verify them. It must not know how a
// slot is written, nor flags and the terminal.
package slots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/state"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot"
)

// Set is the slots of all accounts that a job wrote.
type Set struct {
	Job   *config.Job
	State state.Dir
	Store dest.ReadWriter
	// Warn is told what could not be kept in the history; nothing else depends on that.
	Warn func(text, hint string)
}

// accounts lists the accounts that have slots, or the one that is asked for.
func (s *Set) accounts(ctx context.Context, only string) ([]string, error) {
	if only != "" {
		if err := config.AccountName(only); err != nil {
			return nil, exit.With(err, exit.Usage, "")
		}
		return []string{only}, nil
	}
	infos, err := s.Store.List(ctx, s.Job.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, i := range infos {
		if i.Mode&backup.ModeType == backup.ModeDir && config.AccountName(i.Name) == nil {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// errNoSlots says that an account has none.
var errNoSlots = errors.New("no slots")

// read lists the slots of an account: none at all is an error.
func (s *Set) read(ctx context.Context, account string) ([]slot.Slot, error) {
	all, err := slot.List(ctx, s.Store, jobs.Directory(s.Job, account))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(all) == 0 {
		return nil, exit.With(fmt.Errorf("account %s: %w on %s", account, errNoSlots, s.Job.Destination), exit.Usage, "`slotfs slots "+s.Job.Name+"` lists what is there")
	}
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}
	return all, nil
}

// has makes sure that a slot is there.
func (s *Set) has(ctx context.Context, account string, number int) error {
	all, err := s.read(ctx, account)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.State.Slot == number {
			return nil
		}
	}
	return exit.With(fmt.Errorf("account %s: there is no slot %d", account, number), exit.Usage, "slotfs slots "+s.Job.Name+" --account "+account)
}

// machine is the id of this machine, by which its slots are known.
func (s *Set) machine() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name of this machine: %w", err)
	}
	return s.State.MachineID(host)
}
