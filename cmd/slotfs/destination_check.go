package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
)

// check is one thing that `destination test` looks at.
type check struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Text  string `json:"text"`
	Error string `json:"error,omitempty"`
}

func destinationTestCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "connect to a destination and look into its directory",
		ArgsUsage: "NAME",
		Action: func(c *cli.Context) error {
			g, d, err := s.named(c)
			if err != nil {
				return err
			}
			checks, err := g.test(c.Context, d)
			if g.json {
				return errors.Join(err, g.printJSON(checks))
			}
			for _, k := range checks {
				if k.OK {
					fmt.Fprintf(g.out, "%-10s ok  %s\n", k.Name, term.Clean(k.Text))
				}
			}
			return err
		},
	}
}

// test makes the checks one after the other, until one fails.
func (s *settings) test(ctx context.Context, d *config.Destination) (checks []check, err error) {
	c := *d
	if c.MaxRetries == 0 || c.MaxRetries > 1 {
		c.MaxRetries = 1
	}
	if c.HostKey == "" {
		return nil, exit.With(fmt.Errorf("destination %s: no host key is accepted", d.Name), exit.Refused,
			"add the line of `ssh-keyscan -t ed25519 "+d.Host+"` without its first word as host-key")
	}
	conn, err := s.remote(&c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	add := func(name, text string, err error) bool {
		k := check{Name: name, OK: err == nil, Text: text}
		if err != nil {
			k.Error = err.Error()
		}
		checks = append(checks, k)
		return err == nil
	}
	began := time.Now()
	err = conn.Connect(ctx)
	if !add("connection", fmt.Sprintf("%s, host key and log-in accepted in %s", address(d), term.Duration(time.Since(began))), err) {
		return checks, fmt.Errorf("destination %s: %w", d.Name, err)
	}
	names, err := conn.List(ctx, "")
	if !add("directory", fmt.Sprintf("%d entries", len(names)), err) {
		return checks, fmt.Errorf("destination %s: %w", d.Name, err)
	}
	trip, err := roundTrip(ctx, conn)
	if !add("round trip", trip.Round(10*time.Microsecond).String(), err) {
		return checks, fmt.Errorf("destination %s: %w", d.Name, err)
	}
	return checks, nil
}

// connector is what a round trip is measured with.
type connector interface {
	Connect(ctx context.Context) error
}

// roundTrip is the shortest of a few.
func roundTrip(ctx context.Context, c connector) (time.Duration, error) {
	best := time.Duration(1<<63 - 1)
	for range 5 {
		began := time.Now()
		if err := c.Connect(ctx); err != nil {
			return 0, err
		}
		best = min(best, time.Since(began))
	}
	return best, nil
}
