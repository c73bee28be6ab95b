package main

import (
	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/service/slots"
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
			return s.onSlot(c, "deleted", func(set *slots.Set, account string, number int) (slots.Changed, error) {
				return set.Delete(c.Context, account, number, o)
			})
		},
	}
}
