package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/term"
)

func destinationRemoveCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "remove",
		Usage:     "forget a destination and what is known of it; the backups stay",
		ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: "do not ask"},
			&cli.BoolFlag{Name: "remove-key", Usage: "take the key that slotfs installed away from the server too"},
			&cli.StringFlag{Name: "password-file", Usage: "log in for that with the password in the first line of `FILE`"},
			&cli.BoolFlag{Name: "password-stdin", Usage: "log in for that with a password from standard input"},
		},
		Action: func(c *cli.Context) error {
			g, conf, err := s.configured(c, "NAME")
			if err != nil {
				return err
			}
			d := conf.Destinations[c.Args().First()]
			if d == nil {
				return g.removeLeftOver(c, conf)
			}
			if err := destinations.InUse(conf, d); err != nil {
				return err
			}
			if err := g.sure(c, fmt.Sprintf("Forget destination %s and its index? The backups on it stay.", d.Name)); err != nil {
				return err
			}
			away := c.Bool("remove-key")
			if !away && !c.Bool("yes") && g.State.InstalledKey(d.Name) != "" {
				if away, err = g.terminal.Confirm(c.Context, "Take the key that slotfs installed away from the server too?"); err != nil {
					return err
				}
			}
			password, err := g.readPassword(c)
			if err != nil {
				return err
			}
			removed, err := g.editor().Remove(c.Context, d, away, password)
			if !removed {
				return err
			}
			return errors.Join(g.tell(changedJSON{Changed: "removed", Destination: d.Name},
				"destination %s removed from %s and from the index", d.Name, g.ConfigPath), err)
		},
	}
}

// sure asks before something is removed, unless --yes was given.
func (s *settings) sure(c *cli.Context, question string) error {
	if c.Bool("yes") {
		return nil
	}
	yes, err := s.terminal.Confirm(c.Context, question)
	switch {
	case errors.Is(err, term.ErrNoTerminal):
		return exit.With(err, exit.Usage, "give --yes")
	case err == nil && !yes:
		return exit.With(errors.New("nothing removed"), exit.Failed, "")
	}
	return err
}

// removeLeftOver takes away what an attempt to add a destination left that was cut off.
func (s *settings) removeLeftOver(c *cli.Context, conf *config.Config) error {
	name := c.Args().First()
	d := s.State.Pending(name)
	if d == nil {
		return service.UnknownDestination(conf, name)
	}
	if err := s.sure(c, fmt.Sprintf("Take the key away that an attempt to add %s may have left at %s?", d.Name, term.Clean(d.Address()))); err != nil {
		return err
	}
	password, err := s.readPassword(c)
	if err != nil {
		return err
	}
	return s.editor().RemoveLeftOver(c.Context, d, password)
}
