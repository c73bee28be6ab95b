package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/engine/engines"
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
			if err := g.unused(d); err != nil {
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
			password, err := g.passwordFor(c)
			if err != nil {
				return err
			}
			return g.remove(c.Context, d, away, password)
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

// remove clears the index first: where another process holds it nothing has happened yet.
// away takes the key that was installed from the server as well, with the password if there is one.
func (s *settings) remove(ctx context.Context, d *config.Destination, away bool, password string) error {
	if err := s.forget(ctx, d.Name); err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	err := config.Update(s.ConfigPath, func(data []byte) ([]byte, error) {
		return config.Remove(s.ConfigPath, data, d.Name, engines.Names())
	})
	if err != nil {
		return err
	}
	var stays error
	if away && s.State.InstalledKey(d.Name) != "" {
		stays = s.unauthorize(ctx, d, password)
	}
	if err := errors.Join(s.State.RemoveSecret(d.Name), s.State.RemoveKey(d.Name), passes.Forget(s.State.Passes(), d.Name)); err != nil {
		return err
	}
	err = s.tell(changedJSON{Changed: "removed", Destination: d.Name}, "destination %s removed from %s and from the index", d.Name, s.ConfigPath)
	if err != nil {
		return err
	}
	return errors.Join(stays, s.reloadOwner(ctx))
}

// passwordFor reads the password that flags name; empty if there is none.
func (s *settings) passwordFor(c *cli.Context) (string, error) {
	switch {
	case c.IsSet("password-file") && c.Bool("password-stdin"):
		return "", exit.Usagef("--password-file and --password-stdin: only one of them")
	case c.IsSet("password-file"):
		return state.ReadSecret(c.String("password-file"))
	case c.Bool("password-stdin"):
		return s.passwordStdin()
	}
	return "", nil
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
	password, err := s.passwordFor(c)
	if err != nil {
		return err
	}
	return errors.Join(s.unauthorize(c.Context, d, password), s.State.RemoveKey(name))
}

// forget removes a destination's snapshots, by the owner of the index if there is one.
func (s *settings) forget(ctx context.Context, name string) error {
	return s.WithIndex(ctx, func(x *api.Client) error { return x.Forget(ctx, name) })
}

// reloadOwner tells a running mount that the configuration is another one.
func (s *settings) reloadOwner(ctx context.Context) error {
	err := s.Owner().Reload(ctx)
	if err == nil || errors.Is(err, api.ErrNoOwner) {
		return nil
	}
	return exit.Hinted(fmt.Errorf("the running mount does not know it yet: %w", err), "send it SIGHUP, or mount again")
}
