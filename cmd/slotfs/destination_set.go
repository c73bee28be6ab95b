package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/engine/engines"
	"slotfs/sftpdest"
	"slotfs/sftpdest/auth"
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
			a := &adding{settings: g, c: c}
			return a.set(c.Context, d, c.Args().Tail())
		},
	}
}

// set changes d by assignments and flags. Nothing is written before the new settings were tried.
func (a *adding) set(ctx context.Context, d *config.Destination, assignments []string) error {
	next := *d
	next.HostKeys, next.LocalOrigins = slices.Clone(d.HostKeys), slices.Clone(d.LocalOrigins)
	for _, text := range assignments {
		if err := assign(&next, text); err != nil {
			return exit.With(fmt.Errorf("destination %s: %w", d.Name, err), exit.Usage, seeHelp("destination set"))
		}
	}
	if err := next.Check(engines.Names()); err != nil {
		return exit.With(fmt.Errorf("destination %s: %w", d.Name, err), exit.Usage, "")
	}
	kept := ""
	if !a.c.Bool("untested") {
		var err error
		if kept, err = a.prove(ctx, d, &next); err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
	}
	if kept != "" {
		if err := a.State.SaveSecret(d.Name, kept); err != nil {
			return err
		}
	}
	err := config.Update(a.ConfigPath, func(data []byte) ([]byte, error) {
		now, err := config.Parse(a.ConfigPath, data, engines.Names())
		if err != nil {
			return nil, err
		}
		if was := now.Destinations[d.Name]; was == nil || !was.Equal(d) {
			return nil, fmt.Errorf("destination %s: somebody else changed it meanwhile", d.Name)
		}
		return config.Set(a.ConfigPath, data, &next, engines.Names())
	})
	if err == nil {
		err = a.State.ClearPending(d.Name)
	}
	if err != nil {
		return err
	}
	if !sameAccount(d, &next) && a.State.InstalledKey(d.Name) != "" {
		fmt.Fprintf(a.err, "The key that slotfs installed stays at %s: delete its line in .ssh/authorized_keys there\n", term.Clean(d.Address()))
	}
	fmt.Fprintf(a.out, "destination %s: %s at %s\n", d.Name, next.Engine, term.Clean(next.Address()))
	return a.reloadOwner(ctx)
}

// assign makes one KEY=VALUE; an empty value is the default.
func assign(d *config.Destination, text string) error {
	key, v, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q: want KEY=VALUE", text)
	}
	texts := map[string]*string{
		"host": &d.Host, "username": &d.Username, "directory": &d.Directory, "reindex": &d.Reindex, "scrub": &d.Scrub,
		"identity-file": &d.IdentityFile, "passphrase-file": &d.PassphraseFile, "password-file": &d.PasswordFile,
	}
	numbers := map[string]*int{"port": &d.Port, "max-retries": &d.MaxRetries, "max-connections": &d.MaxConnections}
	standard := map[string]int{
		"port": config.DefaultPort, "max-retries": config.DefaultMaxRetries, "max-connections": config.DefaultMaxConnections,
	}
	var err error
	switch {
	case texts[key] != nil:
		*texts[key] = v
	case numbers[key] != nil && v == "":
		*numbers[key] = standard[key]
	case numbers[key] != nil:
		*numbers[key], err = strconv.Atoi(v)
	case key == "connection-timeout" && v == "":
		d.ConnectionTimeout = config.DefaultConnectionTimeout
	case key == "connection-timeout":
		d.ConnectionTimeout, err = time.ParseDuration(v)
	case key == "max-age" && v == "":
		d.MaxAge = 0
	case key == "max-age":
		d.MaxAge, err = config.ParseAge(v)
	case key == "scrub-bandwidth" && v == "":
		d.ScrubBandwidth = 0
	case key == "scrub-bandwidth":
		d.ScrubBandwidth, err = config.ParseRate(v)
	case key == "legacy-algorithms" && v == "":
		d.LegacyAlgorithms = false
	case key == "legacy-algorithms":
		d.LegacyAlgorithms, err = strconv.ParseBool(v)
	case key == "local-origin":
		d.LocalOrigins = strings.Split(v, ",")
		if v == "" {
			d.LocalOrigins = nil
		}
	case key == "engine":
		return fmt.Errorf("engine: cannot be changed: add another destination")
	default:
		return fmt.Errorf("%s: no such setting", key)
	}
	if err != nil {
		return fmt.Errorf("%s %q: no such value", key, v)
	}
	return nil
}

// reaches reports whether two settings lead to one server, user and directory in one way, so that nothing has to be tried.
func reaches(a, b *config.Destination) bool {
	return sameAccount(a, b) && a.Directory == b.Directory && a.IdentityFile == b.IdentityFile && a.PassphraseFile == b.PassphraseFile &&
		a.PasswordFile == b.PasswordFile && a.LegacyAlgorithms == b.LegacyAlgorithms
}

// prove tries what is about to be set: the host key is shown where it is another one, a password installs the key, or is
// returned if it is to be kept.
func (a *adding) prove(ctx context.Context, d, next *config.Destination) (kept string, err error) {
	asked := a.c.IsSet("accept-host-key") || a.c.Bool("accept-new-host-key") || a.c.IsSet("host-ca")
	login := a.c.IsSet("password-file") || a.c.Bool("password-stdin") || a.c.Bool("password")
	if reaches(d, next) && !asked && !login {
		return "", nil
	}
	if err := a.State.Make(); err != nil {
		return "", err
	}
	bare := sftpdest.Settings{Host: next.Host, Port: next.Port, Username: next.Username, ConnectionTimeout: next.ConnectionTimeout,
		MaxRetries: 1, LegacyAlgorithms: next.LegacyAlgorithms}
	known := !asked && !a.moved(ctx, d, next, bare)
	if !known {
		if next.HostKeys, err = a.hostKeys(ctx, next, bare); err != nil {
			return "", err
		}
	}
	if login {
		return a.relogin(ctx, next, bare)
	}
	remote, err := a.ConnectionSettings(next)
	if err != nil {
		return "", err
	}
	remote.MaxRetries = 1
	return "", a.try(ctx, next, remote, nil)
}

// moved reports whether the server has none of the keys that are known; one that cannot be asked is tried with those.
func (a *adding) moved(ctx context.Context, d, next *config.Destination, bare sftpdest.Settings) bool {
	if d.Host == next.Host && d.Port == next.Port && len(next.HostKeys) > 0 {
		return false
	}
	keys, err := auth.FetchHostKeys(ctx, bare, a.ConnectionOptions(next))
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(keys, func(k auth.HostKey) bool { return slices.Contains(next.HostKeys, k.Line) }) &&
		!slices.ContainsFunc(next.HostKeys, func(line string) bool { return strings.HasPrefix(line, "@") })
}

// relogin logs in with a password, and installs the key of the destination anew or keeps the password.
func (a *adding) relogin(ctx context.Context, next *config.Destination, remote sftpdest.Settings) (kept string, err error) {
	remote.HostKeys, remote.Directory = next.HostKeys, next.Directory
	password, err := a.passwordFor(a.c)
	if err != nil {
		return "", err
	}
	remote.Password = sftpdest.Secret(password)
	if password == "" {
		a.askAgain(next, &remote, &password)
	}
	if err := a.try(ctx, next, remote, nil); err != nil {
		return "", err
	}
	remote.Password, remote.AskPassword = sftpdest.Secret(password), nil
	if a.c.Bool("keep-password") {
		if a.State.InstalledKey(next.Name) != "" {
			if err := a.unauthorize(ctx, next, password); err != nil {
				return "", err
			}
		}
		return password, a.State.RemoveKey(next.Name)
	}
	if err := a.install(ctx, next, remote); err != nil {
		return "", err
	}
	next.PasswordFile = ""
	return "", a.State.RemoveSecret(next.Name)
}
