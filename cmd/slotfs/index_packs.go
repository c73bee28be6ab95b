package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/term"
)

func indexExportCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write what is indexed into files that other machines import",
		ArgsUsage: "DIRECTORY",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "destination", Usage: "only the backups on `NAME`"},
			&cli.StringFlag{Name: "account", Usage: "only the backups of `ACCOUNT`"},
			&cli.StringFlag{Name: "since", Usage: "only what was indexed at most `AGE` ago: 12h, 30d"},
		},
		Action: func(c *cli.Context) error {
			g, err := s.begin(c, "DIRECTORY")
			if err != nil {
				return err
			}
			q := api.ExportRequest{Destination: c.String("destination"), Account: c.String("account")}
			if q.Directory, err = packsDirectory(c); err != nil {
				return err
			}
			if c.IsSet("since") {
				age, err := config.ParseAge(c.String("since"))
				if err != nil || age < 0 {
					return exit.Usagef("--since %q: want an age like 12h or 30d", c.String("since"))
				}
				q.Since = time.Now().Add(-age)
			}
			var written []api.ExportedPack
			err = g.WithIndex(c.Context, func(x *api.Client) (err error) {
				written, err = x.ExportPacks(c.Context, q)
				return err
			})
			if err != nil {
				return err
			}
			return g.printPacks(written)
		},
	}
}

// packsDirectory is the directory that is asked for, as every process understands it.
func packsDirectory(c *cli.Context) (string, error) {
	if c.Args().First() == "" {
		return "", exit.Usagef("DIRECTORY is missing")
	}
	return filepath.Abs(c.Args().First())
}

func (s *settings) printPacks(written []api.ExportedPack) error {
	if s.json {
		return s.printJSON(written)
	}
	if len(written) == 0 {
		fmt.Fprintln(s.out, "nothing to export")
		return nil
	}
	rows := [][]string{{"DESTINATION", "ORIGIN", "ACCOUNT", "SNAPSHOTS", "PACK"}}
	for _, p := range written {
		name := p.Name
		if !p.Fresh {
			name += " (was there)"
		}
		rows = append(rows, []string{p.Destination, dash(p.Origin), dash(p.Account), fmt.Sprint(p.Snapshots), name})
	}
	return term.Table(s.out, rows)
}

// dash is a text for a table.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return term.Clean(text)
}

func indexImportCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "take in what another machine exported, without reading its backups again",
		ArgsUsage: "DIRECTORY",
		Flags:     []cli.Flag{&cli.StringFlag{Name: "destination", Usage: "the files are about the backups on `NAME`, whatever it was called there"}},
		Action: func(c *cli.Context) error {
			g, err := s.begin(c, "DIRECTORY")
			if err != nil {
				return err
			}
			q := api.ImportRequest{Destination: c.String("destination")}
			if q.Directory, err = packsDirectory(c); err != nil {
				return err
			}
			var out *api.ImportedPacks
			err = g.WithIndex(c.Context, func(x *api.Client) (err error) {
				out, err = x.ImportPacks(c.Context, q)
				return err
			})
			if err != nil {
				return err
			}
			return g.printImported(out)
		},
	}
}

// printImported tells what became of packs: exit code 3 where not all could be taken, 1 where none could.
func (s *settings) printImported(out *api.ImportedPacks) error {
	for _, f := range out.Failures {
		s.warn(f.Error, f.Hint)
	}
	var err error
	if s.json {
		err = s.printJSON(out)
	} else {
		_, err = fmt.Fprintf(s.out, "%s: %s new, %d known\n", term.Count(int64(out.Packs), "pack", "packs"), term.Count(int64(out.New), "snapshot", "snapshots"), out.Known)
	}
	switch {
	case err != nil:
		return printed(err)
	case len(out.Failures) == out.Packs:
		return &reported{exit.Failed}
	case len(out.Failures) > 0:
		return &reported{exit.Partial}
	}
	return nil
}
