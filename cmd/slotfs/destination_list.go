package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/term"
)

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
		all := []destinations.Settings{}
		for _, name := range c.Names() {
			all = append(all, destinations.SettingsOf(c.Destinations[name]))
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
