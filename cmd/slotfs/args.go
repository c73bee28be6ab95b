package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

// arrange puts a command line into the order that the command-line library understands: global flags, the
// command, its flags, "--", its arguments. People write flags anywhere, global ones behind the command too. What no
// command knows is refused here, with one line instead of a page.
func arrange(app *cli.App, args []string) ([]string, error) {
	a := arranger{app: app, commands: app.Commands}
	var help []string
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		var err error
		switch {
		case word == "--":
			a.rest = append(a.rest, args...)
			args = nil
		case len(word) > 1 && word[0] == '-':
			args, err = a.flag(word, args)
		case word == "help" && len(a.commands) > 0: // "slotfs help index" is "slotfs index --help"
			help = []string{"--help"}
		case help != nil && a.command == nil && app.Command(word) == nil && len(config.FindKeys(word)) > 0:
			return slices.Concat(a.global, []string{keyHelp, "--", word}), nil
		default:
			err = a.word(word)
		}
		if err != nil {
			return nil, err
		}
	}
	out := slices.Concat(a.global, a.path, a.local, help)
	if len(a.rest) > 0 {
		out = append(append(out, "--"), a.rest...)
	}
	return out, nil
}

// arranger is a command line while it is taken apart.
type arranger struct {
	app      *cli.App
	commands []*cli.Command // that may come next
	command  *cli.Command   // so far
	path     []string       // its names
	global   []string
	local    []string
	rest     []string
}

// word takes the name of a command or an argument of one.
func (a *arranger) word(word string) error {
	if len(a.commands) == 0 {
		a.rest = append(a.rest, word)
		return nil
	}
	for _, c := range a.commands {
		if c.HasName(word) {
			a.command, a.commands = c, c.Subcommands
			a.path = append(a.path, c.Name)
			return nil
		}
	}
	if a.command != nil && a.command.ArgsUsage != "" { // a command that has others below it
		a.commands, a.rest = nil, append(a.rest, word)
		return nil
	}
	return exit.With(fmt.Errorf("unknown command %q", strings.Join(append(a.path, word), " ")), exit.Usage, seeHelp(a.name()))
}

// flag takes a flag and its value, and gives back the words after them.
func (a *arranger) flag(word string, args []string) ([]string, error) {
	name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
	f, global := a.find(name)
	if f == nil {
		return nil, exit.With(fmt.Errorf("unknown flag %s", strings.SplitN(word, "=", 2)[0]), exit.Usage, seeHelp(a.name()))
	}
	words := []string{word}
	if takes, ok := f.(cli.DocGenerationFlag); ok && takes.TakesValue() && !hasValue {
		if len(args) == 0 {
			return nil, exit.With(fmt.Errorf("flag %s: its value is missing", word), exit.Usage, seeHelp(a.name()))
		}
		words = append(words, args[0])
		args = args[1:]
	}
	if global {
		a.global = append(a.global, words...)
	} else {
		a.local = append(a.local, words...)
	}
	return args, nil
}

// find looks a flag up, those of the command first.
func (a *arranger) find(name string) (f cli.Flag, global bool) {
	if slices.Contains(cli.HelpFlag.Names(), name) {
		return cli.HelpFlag, a.command == nil
	}
	if a.command != nil {
		if f := flagNamed(a.command.Flags, name); f != nil {
			return f, false
		}
	}
	if slices.Contains(cli.VersionFlag.Names(), name) {
		return cli.VersionFlag, true
	}
	return flagNamed(a.app.Flags, name), true
}

func flagNamed(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func (a *arranger) name() string { return strings.Join(a.path, " ") }

// arguments checks how many arguments a command got. names are what they are called.
func arguments(c *cli.Context, names ...string) error {
	got := c.Args().Len()
	switch {
	case got < len(names):
		return exit.With(fmt.Errorf("%s is missing", names[got]), exit.Usage, seeHelp(c.Command.HelpName))
	case got > len(names):
		return exit.With(fmt.Errorf("unexpected argument %q", c.Args().Get(len(names))), exit.Usage, seeHelp(c.Command.HelpName))
	}
	return nil
}

// begin is what commands begin with: the global flags, and arguments that are called names.
func (s *shell) begin(c *cli.Context, names ...string) (*settings, error) {
	g, err := s.settings(c, slog.LevelWarn)
	if err != nil {
		return nil, err
	}
	return g, arguments(c, names...)
}

// configured is begin for commands that need the configuration.
func (s *shell) configured(c *cli.Context, names ...string) (*settings, *config.Config, error) {
	g, err := s.begin(c, names...)
	if err != nil {
		return nil, nil, err
	}
	conf, err := g.Config()
	return g, conf, err
}
