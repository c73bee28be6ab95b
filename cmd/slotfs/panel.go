package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/panel"
	"slotfs/cmd/internal/panel/gateway"
	"slotfs/cmd/internal/panel/plugin"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/engine/engines"
)

func panelCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "panel",
		Usage: "have the page in a hosting panel",
		Subcommands: []*cli.Command{
			{
				Name: "install", Usage: "put the page into cPanel & WHM or DirectAdmin", ArgsUsage: "[cpanel|directadmin]",
				Action: func(c *cli.Context) error {
					g, err := s.begin(c, []string{"PANEL"}[:min(c.Args().Len(), 1)]...)
					if err != nil {
						return err
					}
					return g.installPanels(c)
				},
			},
			{
				Name: "remove", Usage: "take the page out of them again", ArgsUsage: "[cpanel|directadmin]",
				Action: func(c *cli.Context) error {
					g, err := s.begin(c, []string{"PANEL"}[:min(c.Args().Len(), 1)]...)
					if err != nil {
						return err
					}
					return g.removePanels(c)
				},
			},
			panelCGICommand(s), panelProveCommand(s),
		},
	}
}

// panels are those that a command names: one, or all.
func panels(c *cli.Context) ([]*plugin.Panel, error) {
	all := plugin.Panels()
	if c.Args().Len() == 0 {
		return all, nil
	}
	name := c.Args().First()
	var names []string
	for _, p := range all {
		if p.Name == name {
			return []*plugin.Panel{p}, nil
		}
		names = append(names, p.Name)
	}
	return nil, exit.Usagef("panel %s: want %s", term.Clean(name), strings.Join(names, " or "))
}

// place is where plug-ins of panels are installed.
func (s *settings) place(socket string) (*plugin.Place, error) {
	if os.Geteuid() != 0 {
		return nil, exit.With(errors.New("panel: only root may change a panel"), exit.Usage, "run it as root")
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, path := range []string{program, filepath.Dir(program)} {
		if err := config.Unwritable(path); err != nil {
			return nil, exit.With(fmt.Errorf("panel: %w", err), exit.Usage, exit.Hint(err))
		}
	}
	return &plugin.Place{Root: panel.Root, State: s.State.Panel(), Program: program, Socket: socket, Control: s.State.Socket(), Version: s.Version}, nil
}

// installPanels puts the page into panels, and has the process with the index answer them.
func (s *settings) installPanels(c *cli.Context) error {
	all, err := panels(c)
	if err != nil {
		return err
	}
	conf, err := s.Config()
	if err != nil {
		return err
	}
	socket := cmp.Or(conf.Panel.Socket, config.DefaultPanelSocket)
	place, err := s.place(socket)
	if err != nil {
		return err
	}
	if c.Args().Len() == 0 {
		all = slices.DeleteFunc(all, func(p *plugin.Panel) bool { return place.Present(p) != nil })
	}
	if len(all) == 0 {
		return exit.With(errors.New("panel: neither cPanel & WHM nor DirectAdmin is on this machine"), exit.Usage, "run it where the panel is installed")
	}
	for _, p := range all {
		changed, err := place.Install(c.Context, p)
		if err != nil {
			return err
		}
		text := "installed: " + p.Next
		if !changed {
			text = "is installed already"
		}
		if _, err := fmt.Fprintf(s.out, "%s %s\n", p.Name, text); err != nil {
			return printed(err)
		}
	}
	return s.answerPanels(c, conf, socket)
}

// answerPanels has the configuration say that panels are answered, if it does not.
func (s *settings) answerPanels(c *cli.Context, conf *config.Config, socket string) error {
	if conf.Panel.Socket != "" {
		return nil
	}
	err := config.Update(s.ConfigPath, func(data []byte) ([]byte, error) {
		return config.AddPanel(s.ConfigPath, data, socket, engines.Names())
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.out, "[panel] with socket = %q is in %s; a mount or `slotfs serve` answers there\n", socket, s.ConfigPath); err != nil {
		return printed(err)
	}
	if err := s.Owner().Reload(c.Context); err != nil && !errors.Is(err, api.ErrNoOwner) {
		return err
	}
	return nil
}

// removePanels takes the page out of panels.
func (s *settings) removePanels(c *cli.Context) error {
	all, err := panels(c)
	if err != nil {
		return err
	}
	place, err := s.place("")
	if err != nil {
		return err
	}
	for _, p := range all {
		was, kept, err := place.Remove(c.Context, p)
		if err != nil {
			return err
		}
		text := "removed"
		if !was {
			text = "is not installed"
		}
		for _, path := range kept {
			text += "; " + path + " stays: somebody changed it"
		}
		if _, err := fmt.Fprintf(s.out, "%s %s\n", p.Name, text); err != nil {
			return printed(err)
		}
	}
	return nil
}

// panelCGICommand is what the files of plug-ins run.
func panelCGICommand(s *shell) *cli.Command {
	return &cli.Command{
		Name: "cgi", Usage: "answer one request of a panel's server", ArgsUsage: "KIND", Hidden: true,
		Flags: []cli.Flag{&cli.StringFlag{Name: "socket", Usage: "`SOCKET` of the process that has the index", Required: true}},
		Action: func(c *cli.Context) error {
			if _, err := s.begin(c, "KIND"); err != nil {
				return err
			}
			kind := c.Args().First()
			if kind != panel.WHM && kind != panel.CPanel && kind != panel.DirectAdmin {
				return exit.Usagef("panel cgi %s: want %s, %s or %s", term.Clean(kind), panel.WHM, panel.CPanel, panel.DirectAdmin)
			}
			g := gateway.Gateway{Kind: kind, Socket: c.String("socket"), UID: os.Geteuid(), Root: panel.Root, Getenv: os.Getenv, In: s.in, Out: s.out}
			return g.Run(c.Context)
		},
	}
}

// panelProveCommand is what cPanel runs as root to prove that the owner of an account is logged in.
func panelProveCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name: "prove", Usage: "make a proof that an account's owner is logged in", ArgsUsage: "ACCOUNT", Hidden: true,
		Flags: []cli.Flag{&cli.StringFlag{Name: "socket", Usage: "`SOCKET` of the process that has the index", Required: true}},
		Action: func(c *cli.Context) error {
			if _, err := s.begin(c, "ACCOUNT"); err != nil {
				return err
			}
			proof, err := gateway.Prove(c.Context, c.String("socket"), c.Args().First())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.out, proof)
			return printed(err)
		},
	}
}
