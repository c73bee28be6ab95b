package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/term"
)

// destinationJSON is a destination as --json shows it.
type destinationJSON struct {
	Name              string   `json:"name"`
	Engine            string   `json:"engine"`
	Host              string   `json:"host"`
	Port              int      `json:"port"`
	Username          string   `json:"username"`
	Directory         string   `json:"directory"`
	IdentityFile      string   `json:"identity_file,omitempty"`
	PasswordFile      string   `json:"password_file,omitempty"`
	PassphraseFile    string   `json:"passphrase_file,omitempty"`
	HostKeys          []string `json:"host_keys"`
	ConnectionTimeout string   `json:"connection_timeout"`
	MaxRetries        int      `json:"max_retries"`
	MaxAge            string   `json:"max_age,omitempty"`
	MaxConnections    int      `json:"max_connections"`
	Reindex           string   `json:"reindex,omitempty"`
	Scrub             string   `json:"scrub,omitempty"`
	ScrubBandwidth    int64    `json:"scrub_bandwidth,omitempty"`
	LegacyAlgorithms  bool     `json:"legacy_algorithms,omitempty"`
	LocalOrigins      []string `json:"local_origins,omitempty"`
}

func jsonOf(d *config.Destination) destinationJSON {
	return destinationJSON{
		Name: d.Name, Engine: d.Engine, Host: d.Host, Port: d.Port, Username: d.Username, Directory: d.Directory,
		IdentityFile: d.IdentityFile, PasswordFile: d.PasswordFile, PassphraseFile: d.PassphraseFile, HostKeys: d.HostKeys, Reindex: d.Reindex,
		ConnectionTimeout: d.ConnectionTimeout.String(), MaxRetries: d.MaxRetries, MaxAge: config.FormatAge(d.MaxAge), MaxConnections: d.MaxConnections,
		Scrub: d.Scrub, ScrubBandwidth: scrubBandwidth(d), LegacyAlgorithms: d.LegacyAlgorithms, LocalOrigins: d.LocalOrigins,
	}
}

// scrubBandwidth is how fast a destination's backups are read again, in bytes per second; 0: they are not.
func scrubBandwidth(d *config.Destination) int64 {
	if d.Scrub == "" {
		return 0
	}
	return d.ScrubRate()
}

// changedJSON tells a program what a command changed.
type changedJSON struct {
	Changed     string `json:"changed"` // "removed"
	Destination string `json:"destination,omitempty"`
	Job         string `json:"job,omitempty"`
}

// tell says what was done: in words, or as v where --json is given.
func (s *shell) tell(v any, format string, args ...any) error {
	if s.json {
		return s.printJSON(v)
	}
	_, err := fmt.Fprintf(s.out, format+"\n", args...)
	return printed(err)
}

// printJSON writes one JSON value for programs to read.
func (s *shell) printJSON(v any) error {
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

func destinationListCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the destinations",
		Action: func(c *cli.Context) error {
			g, conf, err := s.configured(c)
			if err != nil {
				return err
			}
			return g.list(conf)
		},
	}
}

func (s *settings) list(c *config.Config) error {
	if s.json {
		all := []destinationJSON{}
		for _, name := range c.Names() {
			all = append(all, jsonOf(c.Destinations[name]))
		}
		return s.printJSON(all)
	}
	rows := [][]string{{"NAME", "ENGINE", "HOST", "PORT", "USERNAME", "DIRECTORY", "REINDEX"}}
	for _, name := range c.Names() {
		d := c.Destinations[name]
		rows = append(rows, []string{d.Name, d.Engine, d.Host, strconv.Itoa(d.Port), d.Username, cmp.Or(d.Directory, "."), cmp.Or(d.Reindex, "-")})
	}
	return term.Table(s.out, rows)
}
