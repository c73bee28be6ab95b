package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot"
)

func adoptFlag() cli.Flag {
	return &cli.BoolFlag{Name: "adopt", Usage: "take over slots that another machine wrote: after a move, a rebuild or a new host name"}
}

func slotsDeleteCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "delete",
		Usage:     "remove a slot with the backup in it",
		ArgsUsage: "JOB ACCOUNT SLOT",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "force", Usage: "also the only complete backup of the account"},
			adoptFlag(),
		},
		Action: func(c *cli.Context) error {
			o := slot.DeleteOptions{Last: c.Bool("force"), Adopt: c.Bool("adopt")}
			return s.onSlot(c, func(g *settings, d dest.ReadWriter, j *config.Job, account string, number int) error {
				return g.deleteSlot(c.Context, d, j, account, number, o)
			})
		},
	}
}

// machine is the id of this machine, by which its slots are known.
func (s *settings) machine() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name of this machine: %w", err)
	}
	return s.State.MachineID(host)
}

// deleteSlot removes a slot, and says so.
func (s *settings) deleteSlot(ctx context.Context, d dest.ReadWriter, j *config.Job, account string, number int, o slot.DeleteOptions) error {
	machine, err := s.machine()
	if err != nil {
		return err
	}
	o.Machine = machine
	err = slot.Delete(ctx, d, jobs.Directory(j, account), number, o)
	switch {
	case errors.Is(err, slot.ErrPinned):
		err = exit.Hinted(err, fmt.Sprintf("slotfs unpin %s %s %d", j.Name, account, number))
	case errors.Is(err, slot.ErrLastBackup):
		err = exit.Hinted(err, "--force deletes it all the same")
	}
	if err != nil {
		return fmt.Errorf("account %s: %w", account, jobs.Advised(err))
	}
	return s.tell(changedJSON{Changed: "deleted", Job: j.Name, Account: account, Slot: number}, "%s/%s: slot %d is deleted", j.Name, account, number)
}
