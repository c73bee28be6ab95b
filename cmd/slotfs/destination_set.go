package main

import (
	"errors"
	"log/slog"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/term"
)

func destinationSetCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "set",
		Usage:     "change settings of a destination, once they are tried",
		ArgsUsage: "NAME [KEY=VALUE...]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "password-file", Usage: "log in with the password in the first line of `FILE`, and install the key anew"},
			&cli.BoolFlag{Name: "password-stdin", Usage: "the same with a password from standard input"},
			&cli.BoolFlag{Name: "password", Usage: "the same with a password that is asked for"},
			&cli.BoolFlag{Name: "keep-password", Usage: "keep the password instead of installing a key"},
			&cli.StringFlag{Name: "host-ca", Usage: "accept host certificates signed by the public keys in `FILE`"},
			&cli.StringFlag{Name: "accept-host-key", Usage: "accept the server's key if it has this `FINGERPRINT` (SHA256:...)"},
			&cli.BoolFlag{Name: "accept-new-host-key", Usage: "accept whatever key the server has"},
			&cli.BoolFlag{Name: "untested", Usage: "do not connect"},
		},
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			if c.Args().Len() == 0 {
				return arguments(c, "NAME")
			}
			conf, err := g.Config()
			if err != nil {
				return err
			}
			d := conf.Destinations[c.Args().First()]
			if d == nil {
				return service.UnknownDestination(conf, c.Args().First())
			}
			in, err := g.readChange(c)
			if err != nil {
				return err
			}
			changed, err := g.editor().Change(c.Context, d, *in)
			if changed == nil {
				return err
			}
			return errors.Join(g.tell(destinations.SettingsOf(changed), "destination %s: %s at %s", d.Name, changed.Engine, term.Clean(changed.Address())), err)
		},
	}
}

// readChange makes of assignments and flags what is to be changed.
func (s *settings) readChange(c *cli.Context) (*destinations.Change, error) {
	in := &destinations.Change{Assignments: c.Args().Tail(), Untested: c.Bool("untested")}
	var err error
	if in.Trust, err = readTrust(c); err != nil {
		return nil, err
	}
	if !c.IsSet("password-file") && !c.Bool("password-stdin") && !c.Bool("password") {
		return in, nil
	}
	in.Login = &destinations.Login{Keep: c.Bool("keep-password")}
	in.Login.Password, err = s.readPassword(c)
	in.Login.Ask = in.Login.Password == ""
	return in, err
}
