package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest/auth"
)

func destinationShowCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "show the settings of a destination",
		ArgsUsage: "NAME",
		Action: func(c *cli.Context) error {
			g, d, err := s.named(c)
			if err != nil {
				return err
			}
			if g.json {
				return g.printJSON(destinations.SettingsOf(d))
			}
			return g.show(d)
		},
	}
}

// named is what commands about one destination begin with.
func (s *shell) named(c *cli.Context) (*settings, *config.Destination, error) {
	g, conf, err := s.configured(c, "NAME")
	if err != nil {
		return nil, nil, err
	}
	d := conf.Destinations[c.Args().First()]
	if d == nil {
		return nil, nil, service.UnknownDestination(conf, c.Args().First())
	}
	return g, d, nil
}

func (s *settings) show(d *config.Destination) error {
	keys := "none: connections are refused"
	for i, line := range d.HostKeys {
		fingerprint, err := auth.Fingerprint(line)
		if err != nil {
			return exit.With(fmt.Errorf("destination %s: %w", d.Name, err), exit.Usage, "")
		}
		if i == 0 {
			keys = ""
		} else {
			keys += ", "
		}
		if strings.HasPrefix(line, "@") {
			keys += "certificates by "
		}
		keys += fingerprint
	}
	identity := cmp.Or(d.IdentityFile, cmp.Or(s.State.InstalledKey(d.Name), "-"))
	password := d.PasswordFile
	if password == "" {
		password = s.State.Secret(d.Name)
		if _, err := os.Stat(password); errors.Is(err, fs.ErrNotExist) {
			password = "-"
		}
	}
	if identity == "-" && password == "-" {
		identity = "the keys of the ssh-agent"
	}
	return term.Table(s.out, [][]string{
		{"name", d.Name}, {"engine", d.Engine}, {"host", d.Host}, {"port", strconv.Itoa(d.Port)},
		{"username", d.Username}, {"directory", cmp.Or(d.Directory, ".")}, {"host key", keys},
		{"identity file", identity}, {"password file", password},
		{"connection timeout", d.ConnectionTimeout.String()}, {"maximum retries", limit(d.MaxRetries)},
		{"max age", cmp.Or(config.FormatAge(d.MaxAge), "-")},
		{"maximum connections", limit(d.MaxConnections)}, {"reindex", cmp.Or(d.Reindex, "-")},
		{"scrub", scrubText(d)}, {"writers", writersText(&d.Turns)},
		{"legacy algorithms", map[bool]string{false: "refused", true: "accepted, though weak"}[d.LegacyAlgorithms]},
		{"local origins", cmp.Or(strings.Join(quoted(d.LocalOrigins), ", "), "none: accounts belong to root")},
	})
}

// scrubText tells how a destination's backups are read again.
func scrubText(d *config.Destination) string {
	if d.Scrub == "" {
		return "-"
	}
	return d.Scrub + " a day, " + config.FormatRate(d.ScrubRate()) + " bytes per second"
}

// writersText tells when runs may write to a destination.
func writersText(t *config.Turns) string {
	text := "any number of runs at once"
	if t.MaxWriters > 0 {
		text = term.Count(int64(t.MaxWriters), "run", "runs") + " at once"
	}
	if t.Window != "" {
		text += ", in the window " + t.Window
	}
	if t.Jitter > 0 {
		text += ", up to " + term.Duration(t.Jitter) + " later"
	}
	return text
}

func quoted(all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, strconv.Quote(s))
	}
	return out
}

func limit(n int) string {
	if n == 0 {
		return "unlimited"
	}
	return strconv.Itoa(n)
}
