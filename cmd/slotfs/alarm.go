package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/alarm/send"
	"slotfs/cmd/internal/term"
)

func notifyCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:        "notify",
		Usage:       "try whether alarms arrive",
		Subcommands: []*cli.Command{notifyTestCommand(s)},
		Action: func(*cli.Context) error {
			return exit.With(fmt.Errorf("notify: which command?"), exit.Usage, seeHelp("notify"))
		},
	}
}

func notifyTestCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "send a message that says that it is a test",
		ArgsUsage: "NAME",
		Action: func(c *cli.Context) error {
			g, conf, err := s.configured(c, "NAME")
			if err != nil {
				return err
			}
			n := conf.Notify[c.Args().First()]
			if n == nil {
				hint := "add a table [notify.NAME] to the configuration"
				if names := conf.NotifyNames(); len(names) > 0 {
					hint = "there is " + strings.Join(names, ", ")
				}
				return exit.With(fmt.Errorf("notify %s: not in %s", c.Args().First(), conf.Path), exit.Usage, hint)
			}
			if err := g.Watcher().Test(c.Context, conf, n); err != nil {
				return err
			}
			return g.tell(sentJSON{Notify: n.Name, Way: send.Way(n)}, "%s: sent by %s", n.Name, term.Clean(send.Way(n)))
		},
	}
}

// sentJSON is a message that was delivered, as --json shows it.
type sentJSON struct {
	Notify string `json:"notify"`
	Way    string `json:"way"`
}

// lookAfter has people told of what a command did. What could not be told changes nothing of how the command ends.
func (s *settings) lookAfter(ctx context.Context) {
	for _, err := range s.LookAfter(ctx) {
		s.warn(err.Error(), exit.Hint(err))
	}
}
