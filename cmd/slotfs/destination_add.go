package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/engine/engines"
	"slotfs/sftpdest"
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
			a := &adding{settings: g, c: c}
			return a.run(c.Context)
		},
	}
}

// adding is a destination on its way into the configuration.
type adding struct {
	*settings
	c *cli.Context
}

func (a *adding) run(ctx context.Context) error {
	d, err := a.read()
	if err != nil {
		return err
	}
	before, err := a.ConfigOrNone()
	if err != nil {
		return err
	}
	if old := a.State.Pending(d.Name); old != nil && before.Destinations[d.Name] == nil && !sameAccount(old, d) {
		fmt.Fprintf(a.err, "Warning: an earlier attempt was cut off; its key may be in .ssh/authorized_keys at %s\n", term.Clean(old.Address()))
	}
	if before.Destinations[d.Name] != nil {
		return exit.With(fmt.Errorf("destination %s: exists already", d.Name), exit.Usage, "remove it first: slotfs destination remove "+d.Name)
	}
	if err := a.State.Make(); err != nil {
		return err
	}
	remote := sftpdest.Settings{Host: d.Host, Port: d.Port, Username: d.Username, Directory: d.Directory,
		IdentityFile: d.IdentityFile, ConnectionTimeout: d.ConnectionTimeout, MaxRetries: 1, LegacyAlgorithms: d.LegacyAlgorithms}
	// A password that is typed in is not asked for before it is known whom it goes to.
	password, typed, err := a.password(d)
	if err != nil {
		return err
	}
	if d.HostKeys, err = a.hostKeys(ctx, d, remote); err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	remote.HostKeys, remote.Password = d.HostKeys, sftpdest.Secret(password)
	if typed {
		a.askAgain(d, &remote, &password)
	}
	asked, err := a.passphrase(d, &remote)
	if err != nil {
		return err
	}
	if err := a.try(ctx, d, remote, before); err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	remote.Password, remote.AskPassword = sftpdest.Secret(password), nil
	keep := a.c.Bool("keep-password")
	if password != "" && !keep || asked() {
		if err := a.install(ctx, d, remote); err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
		password = ""
	}
	return a.keep(ctx, d, password)
}

// read makes settings of the flags.
func (a *adding) read() (*config.Destination, error) {
	d := &config.Destination{
		Name: a.c.Args().First(), Engine: a.c.String("engine"), Host: a.c.String("host"), Port: a.c.Int("port"),
		Username: a.c.String("username"), Directory: a.c.String("directory"), IdentityFile: a.c.String("identity-file"), PassphraseFile: a.c.String("passphrase-file"),
		ConnectionTimeout: a.c.Duration("connection-timeout"), MaxRetries: a.c.Int("max-retries"),
		MaxConnections: a.c.Int("max-connections"), Reindex: a.c.String("reindex"), LegacyAlgorithms: a.c.Bool("legacy-algorithms"), LocalOrigins: a.c.StringSlice("local-origin"),
	}
	for _, flag := range []string{"host", "username"} {
		if a.c.String(flag) == "" {
			return nil, exit.With(fmt.Errorf("--%s is missing", flag), exit.Usage, seeHelp("destination add"))
		}
	}
	if a.c.IsSet("password-file") && a.c.Bool("password-stdin") {
		return nil, exit.Usagef("--password-file and --password-stdin: only one of them")
	}
	if a.c.IsSet("accept-host-key") && a.c.Bool("accept-new-host-key") {
		return nil, exit.Usagef("--accept-host-key and --accept-new-host-key: only one of them")
	}
	if a.c.Bool("agent") && d.IdentityFile != "" {
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
	return d, state.Private("identity file", d.IdentityFile)
}

// sameAccount reports whether two destinations log in as one user of one server.
func sameAccount(a, b *config.Destination) bool {
	return a.Host == b.Host && a.Port == b.Port && a.Username == b.Username
}

// maxStdin bounds what is read as a password.
const maxStdin = 64 << 10

// password gets the password from where flags say; empty if a key alone is used. typed says that somebody has to be
// asked for it.
func (a *adding) password(d *config.Destination) (password string, typed bool, err error) {
	switch {
	case a.c.IsSet("password-file"):
		password, err = state.ReadSecret(a.c.String("password-file"))
		return password, false, err
	case a.c.Bool("password-stdin"):
		password, err = a.passwordStdin()
		return password, false, err
	case d.IdentityFile != "" || a.c.Bool("agent"):
		return "", false, nil
	case !a.terminal.Interactive:
		return "", false, exit.With(fmt.Errorf("password: %w", term.ErrNoTerminal), exit.Usage,
			"give --password-file, --password-stdin, --identity-file or --agent")
	}
	return "", true, nil
}

func (s *settings) passwordStdin() (string, error) {
	data, err := io.ReadAll(io.LimitReader(s.in, maxStdin))
	if err != nil {
		return "", fmt.Errorf("password: standard input: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", exit.Usagef("password: standard input has none")
	}
	return line, nil
}

// askAgain has a password typed when the server wants it, and again where it refuses it, as often as ssh does, in one connection:
// some servers block an address for a while after a few that failed. The one that was typed last is left in password.
func (a *adding) askAgain(d *config.Destination, remote *sftpdest.Settings, password *string) {
	const tries = 3
	remote.PasswordTries = tries
	remote.AskPassword = func(ctx context.Context) (sftpdest.Secret, error) {
		if *password != "" {
			fmt.Fprintln(a.err, "The server refuses it; again, please")
		}
		var err error
		*password, err = a.ask(ctx, d)
		return sftpdest.Secret(*password), err
	}
}

// ask has somebody type the password.
func (a *adding) ask(ctx context.Context, d *config.Destination) (string, error) {
	password, err := a.terminal.Secret(ctx, fmt.Sprintf("Password of %s@%s: ", d.Username, d.Host))
	if err == nil && password == "" {
		return "", exit.Usagef("password: empty")
	}
	return password, err
}

// keep writes secret and settings, and tells a running mount.
func (a *adding) keep(ctx context.Context, d *config.Destination, password string) error {
	if password != "" {
		if err := a.State.SaveSecret(d.Name, password); err != nil {
			return err
		}
	}
	err := config.Update(a.ConfigPath, func(data []byte) ([]byte, error) {
		return config.Add(a.ConfigPath, data, d, engines.Names())
	})
	if err != nil {
		return errors.Join(err, a.State.RemoveSecret(d.Name))
	}
	if err := a.State.ClearPending(d.Name); err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "destination %s added to %s: %s at %s\n", d.Name, a.ConfigPath, d.Engine, term.Clean(d.Address()))
	if password != "" {
		fmt.Fprintf(&text, "its password is kept in %s, which only root may read\n", a.State.Secret(d.Name))
	}
	next := "slotfs index " + d.Name
	if d.Engine == config.SlotsEngine {
		next = fmt.Sprintf("slotfs job add JOB --destination %s --source '/home/*' --retention 7", d.Name)
	}
	if err := a.tell(jsonOf(d), "%snext: %s", text.String(), next); err != nil {
		return err
	}
	return a.reloadOwner(ctx)
}
