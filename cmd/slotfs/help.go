package main

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/manual"
)

// helpFiles are what people wrote about each command; flags and their defaults come from the definitions of the commands.
//
//go:embed help/*.md
var helpFiles embed.FS

// helpTexts are the pages by the names that package manual gives them.
func helpTexts() fs.FS {
	texts, err := fs.Sub(helpFiles, "help")
	if err != nil {
		panic(err) // the directory is a constant
	}
	return texts
}

// wantsHelp reports whether an arranged command line asks for help.
func wantsHelp(args []string) bool {
	return slices.ContainsFunc(args, func(word string) bool { return word == "--help" || word == "-h" })
}

// explain gives every command the first paragraph of its page for --help.
func explain(app *cli.App) error {
	pages, err := manual.Pages(app, helpTexts())
	if err != nil {
		return err
	}
	intro := map[string]string{}
	for _, p := range pages {
		intro[p.Name] = manual.Wrap(strings.ReplaceAll(p.Intro(), "`", ""), 77)
	}
	eachNamed(app.Commands, app.Name, func(name string, c *cli.Command) {
		if text := intro[name]; text != "" {
			c.Description = text + "\n\nMore: man " + strings.ReplaceAll(name, " ", "-")
		}
	})
	return nil
}

// eachNamed calls do for every command with its whole name.
func eachNamed(commands []*cli.Command, above string, do func(name string, c *cli.Command)) {
	for _, c := range commands {
		do(above+" "+c.Name, c)
		eachNamed(c.Subcommands, above+" "+c.Name, do)
	}
}

// keyHelp is the command that `slotfs help KEY` becomes where KEY is one of the configuration's.
const keyHelp = "help-key"

func keyHelpCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name: keyHelp, Usage: "explain a key of the configuration", ArgsUsage: "KEY", Hidden: true,
		Action: func(c *cli.Context) error {
			_, err := fmt.Fprint(s.out, manual.Explain(config.FindKeys(c.Args().First())))
			return printed(err)
		},
	}
}
