package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func umountCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "umount",
		Usage:     "take a mount away",
		ArgsUsage: "MOUNTPOINT",
		Action: func(c *cli.Context) error {
			g, err := s.begin(c, "MOUNTPOINT")
			if err != nil {
				return err
			}
			mountpoint, err := absolute("mountpoint", c.Args().First())
			if err != nil {
				return err
			}
			inUse, err := g.Unmount(c.Context, mountpoint)
			if inUse {
				fmt.Fprintf(g.err, "%s is detached; it is still in use, and ends when the last open file is closed\n", mountpoint)
			}
			return err
		},
	}
}
