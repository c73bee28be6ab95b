package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/term"
)

func adminCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "admin",
		Usage: "say which administrators log in to the page by password",
		Subcommands: []*cli.Command{
			{
				Name: "add", Usage: "add an administrator, or give him another password", ArgsUsage: "NAME",
				Flags: []cli.Flag{&cli.BoolFlag{Name: "password-stdin", Usage: "read the password from standard input"}},
				Action: func(c *cli.Context) error {
					g, err := s.begin(c, "NAME")
					if err != nil {
						return err
					}
					return g.addAdmin(c)
				},
			},
			{
				Name: "list", Usage: "list the administrators", ArgsUsage: " ",
				Action: func(c *cli.Context) error {
					g, err := s.begin(c)
					if err != nil {
						return err
					}
					return g.listAdmins()
				},
			},
			{
				Name: "remove", Usage: "take an administrator away, and end his sessions", ArgsUsage: "NAME",
				Action: func(c *cli.Context) error {
					g, err := s.begin(c, "NAME")
					if err != nil {
						return err
					}
					return g.removeAdmin(c.Args().First())
				},
			},
		},
	}
}

// addAdmin adds an administrator.
func (s *settings) addAdmin(c *cli.Context) error {
	name := c.Args().First()
	password, err := s.newPassword(c, name)
	if err != nil {
		return err
	}
	if err := s.Admins().Set(name, password); err != nil {
		return exit.With(fmt.Errorf("admin add: %w", err), exit.Usage, "")
	}
	s.Record(audit.Record{Who: login.Root.String(), From: "command line", Action: audit.Change, Detail: "admin add " + name})
	_, err = fmt.Fprintf(s.out, "administrator %s logs in by password from now on\n", name)
	return printed(err)
}

// newPassword has a password typed twice, or reads it from standard input.
func (s *settings) newPassword(c *cli.Context, name string) (string, error) {
	if c.Bool("password-stdin") {
		return s.passwordStdin()
	}
	if !s.terminal.Interactive {
		return "", exit.With(fmt.Errorf("password: %w", term.ErrNoTerminal), exit.Usage, "give --password-stdin")
	}
	password, err := s.terminal.Secret(c.Context, fmt.Sprintf("New password of %s: ", term.Clean(name)))
	if err != nil {
		return "", err
	}
	again, err := s.terminal.Secret(c.Context, "Again: ")
	if err == nil && again != password {
		err = exit.Usagef("password: they are not the same")
	}
	return password, err
}

// adminShown is an administrator as programs read him.
type adminShown struct {
	Name string `json:"name"`
	Made string `json:"made"`
}

func (s *settings) listAdmins() error {
	all, err := s.Admins().List()
	if err != nil {
		return s.State.Fault(err)
	}
	shown, rows := []adminShown{}, [][]string{{"NAME", "PASSWORD SINCE"}}
	for _, a := range all {
		shown = append(shown, adminShown{a.Name, a.Made.Format("2006-01-02T15:04:05Z07:00")})
		rows = append(rows, []string{term.Clean(a.Name), clock(&a.Made)})
	}
	if s.json {
		return s.printJSON(shown)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(s.out, "no administrator logs in by password")
		return printed(err)
	}
	return term.Table(s.out, rows)
}

func (s *settings) removeAdmin(name string) error {
	err := s.Admins().Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.With(fmt.Errorf("admin remove: there is no administrator %s", term.Clean(name)), exit.Usage, "slotfs admin list")
	}
	if err != nil {
		return s.State.Fault(err)
	}
	s.Record(audit.Record{Who: login.Root.String(), From: "command line", Action: audit.Change, Detail: "admin remove " + name})
	_, err = fmt.Fprintf(s.out, "administrator %s does not log in any more\n", term.Clean(name))
	return printed(err)
}
