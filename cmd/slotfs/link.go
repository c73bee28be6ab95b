package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/term"
)

func linkCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "link",
		Usage:     "make a link to the page, or a password for SFTP, that lets somebody look at backups for a while",
		ArgsUsage: " ",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "sftp", Usage: "a password for the SFTP server of `[sftp-server]` in place of a link"},
			&cli.StringFlag{Name: "account", Usage: "for the owner of `ACCOUNT`, who sees that account alone"},
			&cli.BoolFlag{Name: "admin", Usage: "for an administrator, who sees everything"},
			&cli.StringFlag{Name: "valid", Usage: "ends after `TIME`: 15m, 12h, 7d", Value: "15m"},
			&cli.BoolFlag{Name: "once", Usage: "lets in once"},
		},
		Subcommands: []*cli.Command{linkListCommand(s), linkRevokeCommand(s)},
		Action: func(c *cli.Context) error {
			g, conf, err := s.configured(c)
			if err != nil {
				return err
			}
			l, err := wantedLink(c, conf)
			if err != nil {
				return err
			}
			return g.makeLink(conf, l)
		},
	}
}

// wantedLink is the link that the flags ask for.
func wantedLink(c *cli.Context, conf *config.Config) (login.Link, error) {
	l := login.Link{Who: login.Root, Once: c.Bool("once"), SFTP: c.Bool("sftp")}
	if l.SFTP && conf.SFTPServer.Listen == "" {
		return l, exit.With(errors.New("link: no SFTP server is configured"), exit.Usage, "set listen in [sftp-server], such as \":2022\"")
	}
	if !l.SFTP && conf.Web.Listen == "" {
		return l, exit.With(errors.New("link: no page is configured"), exit.Usage, "set listen in [web], such as \"127.0.0.1:8480\"; --sftp makes a password for [sftp-server]")
	}
	account := c.String("account")
	if (account == "") == !c.Bool("admin") {
		return l, exit.Usagef("link: want either --account ACCOUNT or --admin")
	}
	if account == config.Administrator {
		return l, exit.Usagef("link: %s is no account: use --admin", account)
	}
	if account != "" {
		l.Who = login.Identity{Account: account}
	}
	valid, err := config.ParseAge(c.String("valid"))
	if err != nil || valid <= 0 || valid > login.MaxValid {
		return l, exit.Usagef("--valid %q: want a time like 15m or 12h, at most %d days", c.String("valid"), login.MaxValid/(24*time.Hour))
	}
	l.Expires = time.Now().Add(valid)
	return l, nil
}

// madeLink is a link with what only who made it is told.
type madeLink struct {
	login.Link
	URL      string `json:"url,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Port     string `json:"port,omitempty"`
}

// makeLink makes a link and prints it.
func (s *settings) makeLink(conf *config.Config, l login.Link) error {
	made, token, err := s.Links().Make(l)
	if err != nil {
		return s.State.Fault(err)
	}
	s.Record(audit.Record{Who: login.Root.String(), From: "command line", Action: audit.Link, Link: made.ID, Detail: made.Who.String()})
	m := madeLink{Link: made}
	if made.SFTP {
		m.User, m.Password = cmp.Or(made.Who.Account, config.Administrator), token
		if _, m.Port, err = net.SplitHostPort(conf.SFTPServer.Listen); err != nil {
			return err
		}
	} else {
		m.URL = conf.Web.Address() + "/login#" + token // what is behind # is sent to no server and stands in no log
	}
	if s.json {
		return s.printJSON(m)
	}
	until := "until " + clock(&made.Expires)
	if made.Once {
		until += ", for one log-in"
	}
	text := fmt.Sprintf("url       %s\n", m.URL)
	if made.SFTP {
		text = fmt.Sprintf("user      %s\npassword  %s\nport      %s\n", term.Clean(m.User), m.Password, m.Port)
	}
	_, err = fmt.Fprintf(s.out, "%svalid     %s\nid        %s\n", text, until, made.ID)
	return printed(err)
}

func linkListCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list the links that were made",
		ArgsUsage: " ",
		Action: func(c *cli.Context) error {
			g, err := s.begin(c)
			if err != nil {
				return err
			}
			all, err := g.Links().List()
			if err != nil {
				return g.State.Fault(err)
			}
			if g.json {
				return g.printJSON(append([]login.Link{}, all...))
			}
			if len(all) == 0 {
				_, err := fmt.Fprintln(g.out, "no links were made")
				return printed(err)
			}
			rows := [][]string{{"ID", "FOR", "MADE", "ENDS", "STATE"}}
			for i := range all {
				l := &all[i]
				rows = append(rows, []string{l.ID, term.Clean(l.Who.String()), clock(&l.Made), clock(&l.Expires), linkState(l)})
			}
			return term.Table(g.out, rows)
		},
	}
}

// linkState tells whether a link lets anybody in.
func linkState(l *login.Link) string {
	switch {
	case !l.Revoked.IsZero():
		return "revoked"
	case l.Once && !l.Used.IsZero():
		return "used up"
	case !l.Live(time.Now()):
		return "ended"
	case l.Used.IsZero():
		return "valid, not used"
	}
	return "valid, used " + clock(&l.Used)
}

func linkRevokeCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "revoke",
		Usage:     "end a link before its time",
		ArgsUsage: "ID",
		Action: func(c *cli.Context) error {
			g, err := s.begin(c, "ID")
			if err != nil {
				return err
			}
			id := c.Args().First()
			err = g.Links().Revoke(id)
			if errors.Is(err, fs.ErrNotExist) {
				return exit.With(fmt.Errorf("link revoke: there is no link %s", term.Clean(id)), exit.Usage, "slotfs link list")
			}
			if err != nil {
				return g.State.Fault(err)
			}
			g.Record(audit.Record{Who: login.Root.String(), From: "command line", Action: audit.Revoke, Link: id})
			_, err = fmt.Fprintf(g.out, "link %s lets nobody in any more\n", id)
			return printed(err)
		},
	}
}
