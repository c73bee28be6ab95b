package main

import (
	"fmt"
	"net"
	"strconv"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
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

// address is a destination in one word: user@host:port:directory.
func address(d *config.Destination) string {
	host := d.Host
	if d.Port != config.DefaultPort {
		host = net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
	}
	return d.Username + "@" + host + ":" + d.Directory
}
