package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/control"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/passes"
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
		},
		Action: func(c *cli.Context) error {
			g, d, err := s.named(c)
			if err != nil {
				return err
			}
			if err := g.unused(d); err != nil {
				return err
			}
			if err := g.sure(c, fmt.Sprintf("Forget destination %s and its index? The backups on it stay.", d.Name)); err != nil {
				return err
			}
			away := c.Bool("remove-key")
			if !away && !c.Bool("yes") && g.state.ownKey(d.Name) != "" {
				if away, err = g.terminal.Confirm(c.Context, "Take the key that slotfs installed away from the server too?"); err != nil {
					return err
				}
			}
			return g.remove(c.Context, d, away)
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
// away takes the key that was installed from the server as well.
func (s *settings) remove(ctx context.Context, d *config.Destination, away bool) error {
	if err := s.forget(ctx, d.Name); err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	err := config.Update(s.configPath, func(data []byte) ([]byte, error) {
		return config.Remove(s.configPath, data, d.Name, engines.Names())
	})
	if err != nil {
		return err
	}
	if away && s.state.ownKey(d.Name) != "" {
		s.unauthorize(ctx, d)
	}
	if err := errors.Join(s.state.removeSecret(d.Name), s.state.removeKey(d.Name), passes.Forget(s.state.passes(), d.Name)); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "destination %s removed from %s and from the index\n", d.Name, s.configPath)
	return s.reloadOwner(ctx)
}

// forget removes a destination's snapshots, by the owner of the index if there is one.
func (s *settings) forget(ctx context.Context, name string) error {
	return s.withIndex(ctx, func(c *control.Client) error { return c.Forget(ctx, name) },
		func(o *owner) error { return o.Forget(ctx, name) })
}

// reloadOwner tells a running mount that the configuration is another one.
func (s *settings) reloadOwner(ctx context.Context) error {
	err := control.NewClient(s.state.socket()).Reload(ctx)
	if err == nil || errors.Is(err, control.ErrNoOwner) {
		return nil
	}
	return exit.Hinted(fmt.Errorf("the running mount does not know it yet: %w", err), "send it SIGHUP, or mount again")
}
