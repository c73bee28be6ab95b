package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
)

func reloadCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "reload",
		Usage: "have the running mount read its configuration again",
		Action: func(c *cli.Context) error {
			g, err := s.begin(c)
			if err != nil {
				return err
			}
			if _, err := g.Config(); err != nil {
				return err
			}
			err = g.Owner().Reload(c.Context)
			if errors.Is(err, api.ErrNoOwner) {
				return exit.Hinted(fmt.Errorf("reload: %w", err), "without a mount each command reads the configuration when it begins")
			}
			return err
		},
	}
}
