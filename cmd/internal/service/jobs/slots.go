package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot"
)

// AccountsOn lists the accounts that have slots, or the one that is asked for.
func AccountsOn(ctx context.Context, d dest.Reader, j *config.Job, only string) ([]string, error) {
	if only != "" {
		if err := config.AccountName(only); err != nil {
			return nil, exit.With(err, exit.Usage, "")
		}
		return []string{only}, nil
	}
	infos, err := d.List(ctx, j.Name)
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

// ErrNoSlots says that an account has none.
var ErrNoSlots = errors.New("no slots")

// Slots lists the slots of an account that was asked for by name: none at all is an error.
func Slots(ctx context.Context, d dest.Reader, j *config.Job, account string) ([]slot.Slot, error) {
	all, err := slot.List(ctx, d, Directory(j, account))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(all) == 0 {
		return nil, exit.With(fmt.Errorf("account %s: %w on %s", account, ErrNoSlots, j.Destination), exit.Usage, "`slotfs slots "+j.Name+"` lists what is there")
	}
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}
	return all, nil
}

// HasSlot makes sure that a slot is there.
func HasSlot(ctx context.Context, d dest.Reader, j *config.Job, account string, number int) error {
	all, err := Slots(ctx, d, j, account)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.State.Slot == number {
			return nil
		}
	}
	return exit.With(fmt.Errorf("account %s: there is no slot %d", account, number), exit.Usage, "slotfs slots "+j.Name+" --account "+account)
}
