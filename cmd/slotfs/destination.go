package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
)

// destinationCommand groups the commands about destinations.
func destinationCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "destination",
		Usage: "add, list, show, test, change and remove destinations",
		Subcommands: []*cli.Command{
			destinationAddCommand(s), destinationListCommand(s), destinationShowCommand(s),
			destinationTestCommand(s), destinationSetCommand(s), destinationRemoveCommand(s),
		},
		Action: func(c *cli.Context) error {
			return exit.With(fmt.Errorf("destination: which command?"), exit.Usage, seeHelp("destination"))
		},
	}
}
