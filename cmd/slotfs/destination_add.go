package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/engine/engines"
)

func destinationAddCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "add",
		Usage:     "check a destination and write it into the configuration",
		ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "engine", Usage: "`LAYOUT` of the backups: " + strings.Join(engines.Names(), ", "), Value: "cpanel"},
			&cli.StringFlag{Name: "host", Usage: "`NAME` or address of the SFTP server"},
			&cli.IntFlag{Name: "port", Usage: "`PORT` of the SFTP server", Value: config.DefaultPort},
			&cli.StringFlag{Name: "username", Usage: "`USER` to log in as"},
			&cli.StringFlag{Name: "directory", Usage: "`DIR` of the backups, relative to the remote home or absolute"},
			&cli.StringFlag{Name: "password-file", Usage: "read the password from the first line of `FILE`"},
			&cli.BoolFlag{Name: "password-stdin", Usage: "read the password from standard input"},
			&cli.StringFlag{Name: "identity-file", Usage: "log in with the private key in `FILE`"},
			&cli.StringFlag{Name: "passphrase-file", Usage: "read the private key's passphrase from the first line of `FILE`"},
			&cli.BoolFlag{Name: "agent", Usage: "log in with the keys of the ssh-agent at $SSH_AUTH_SOCK"},
			&cli.BoolFlag{Name: "keep-password", Usage: "keep the password instead of installing a key, for servers that refuse keys"},
			&cli.BoolFlag{Name: "create-directory", Usage: "make the directory if it is not there"},
			&cli.StringFlag{Name: "host-ca", Usage: "accept host certificates signed by the public keys in `FILE`"},
			&cli.StringFlag{Name: "accept-host-key", Usage: "accept the server's key if it has this `FINGERPRINT` (SHA256:...)"},
			&cli.BoolFlag{Name: "accept-new-host-key", Usage: "accept whatever key the server has"},
			&cli.DurationFlag{Name: "connection-timeout", Usage: "`TIME` that connecting may take", Value: config.DefaultConnectionTimeout},
			&cli.IntFlag{Name: "max-retries", Usage: "`NUMBER` of times a lost connection is tried again, 0: no limit",
				Value: config.DefaultMaxRetries},
			&cli.IntFlag{Name: "max-connections", Usage: "`NUMBER` of connections at once, 0: no limit",
				Value: config.DefaultMaxConnections},
			&cli.StringFlag{Name: "reindex",
				Usage: "`SCHEDULE` for the mount to index by: \"05:30\", \"every 6h\" or a cron expression"},
			&cli.BoolFlag{Name: "legacy-algorithms", Usage: "accept SHA-1 and old key exchanges, for servers that know nothing better"},
			&cli.StringSliceFlag{Name: "local-origin",
				Usage: "`ORIGIN` whose accounts are users of this machine, who may look at their own backups; may be repeated"},
		},
		Action: func(c *cli.Context) error {
			g, err := s.begin(c, "NAME")
			if err != nil {
				return err
			}
			in, err := g.readAdding(c)
			if err != nil {
				return err
			}
			before, err := g.ConfigOrNone()
			if err != nil {
				return err
			}
			added, err := g.editor().Add(c.Context, before, *in)
			if added == nil {
				return err
			}
			return errors.Join(g.tellAdded(added), err)
		},
	}
}

// readAdding makes of the flags what is to be added.
func (s *settings) readAdding(c *cli.Context) (*destinations.Adding, error) {
	d := &config.Destination{
		Name: c.Args().First(), Engine: c.String("engine"), Host: c.String("host"), Port: c.Int("port"),
		Username: c.String("username"), Directory: c.String("directory"), IdentityFile: c.String("identity-file"), PassphraseFile: c.String("passphrase-file"),
		ConnectionTimeout: c.Duration("connection-timeout"), MaxRetries: c.Int("max-retries"),
		MaxConnections: c.Int("max-connections"), Reindex: c.String("reindex"), LegacyAlgorithms: c.Bool("legacy-algorithms"), LocalOrigins: c.StringSlice("local-origin"),
	}
	for _, flag := range []string{"host", "username"} {
		if c.String(flag) == "" {
			return nil, exit.With(fmt.Errorf("--%s is missing", flag), exit.Usage, seeHelp("destination add"))
		}
	}
	if c.Bool("agent") && d.IdentityFile != "" {
		return nil, exit.Usagef("--agent and --identity-file: only one of them")
	}
	for flag, file := range map[string]*string{"identity-file": &d.IdentityFile, "passphrase-file": &d.PassphraseFile} {
		if *file == "" {
			continue
		}
		abs, err := filepath.Abs(*file)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
		*file = abs
	}
	if err := d.Check(engines.Names()); err != nil {
		return nil, exit.With(fmt.Errorf("destination %s: %w", d.Name, err), exit.Usage, "")
	}
	if err := state.Private("identity file", d.IdentityFile); err != nil {
		return nil, err
	}
	in := &destinations.Adding{Destination: d, CreateDirectory: c.Bool("create-directory")}
	var err error
	if in.Trust, err = readTrust(c); err != nil {
		return nil, err
	}
	in.Login, err = s.readLogin(c, d.IdentityFile != "" || c.Bool("agent"))
	return in, err
}

// tellAdded tells what was added, and what comes next.
func (s *settings) tellAdded(d *destinations.Added) error {
	var text strings.Builder
	fmt.Fprintf(&text, "destination %s added to %s: %s at %s\n", d.Name, s.ConfigPath, d.Engine, term.Clean(d.Address()))
	if d.SecretFile != "" {
		fmt.Fprintf(&text, "its password is kept in %s, which only root may read\n", d.SecretFile)
	}
	next := "slotfs index " + d.Name
	if d.Engine == config.SlotsEngine {
		next = fmt.Sprintf("slotfs job add JOB --destination %s --source '/home/*' --retention 7", d.Name)
	}
	return s.tell(destinations.SettingsOf(d.Destination), "%snext: %s", text.String(), next)
}
