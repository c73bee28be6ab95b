package main

import (
	"bufio"
	"context"
	"embed"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/engine/engines"
)

// completions are what shells read; each asks the hidden command `complete` for candidates.
//
//go:embed completion
var completions embed.FS

// completionPatience is how long a shell waits for whoever has the index.
const completionPatience = 2 * time.Second

func completionCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the completion for a shell: bash, zsh or fish",
		ArgsUsage: "SHELL",
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 {
				return arguments(c, "SHELL")
			}
			text, err := completions.ReadFile("completion/slotfs." + c.Args().First())
			if err != nil {
				return exit.Usagef("no completion for %q: there is bash, zsh and fish", c.Args().First())
			}
			_, err = s.out.Write(text)
			return printed(err)
		},
	}
}

// completeCommand prints what the last of some words can become, one a line. It says nothing of errors: who types wants none.
func completeCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name: "complete", Usage: "complete words for a shell", ArgsUsage: "WORD...", Hidden: true,
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelError)
			if err != nil || c.Args().Len() == 0 {
				return err
			}
			// Who typed a tab waits: the garbage of this moment goes with the process. The limit of memory stays.
			debug.SetGCPercent(-1)
			words := c.Args().Slice()
			ctx, cancel := context.WithTimeout(c.Context, completionPatience)
			defer cancel()
			k := completer{settings: g, app: newApp(s), out: bufio.NewWriter(s.out), prefix: words[len(words)-1]}
			k.read(words[:len(words)-1])
			k.complete(ctx)
			return printed(k.out.Flush())
		},
	}
}

// completer is a command line whose last word is not finished.
type completer struct {
	*settings
	app       *cli.App
	out       *bufio.Writer
	prefix    string       // what there is of the last word
	command   *cli.Command // nil: none yet
	name      []string     // of the command, with those above it
	arguments int          // that the command has already
	flag      cli.Flag     // whose value comes next; nil: none
}

// read takes the finished words.
func (k *completer) read(words []string) {
	for _, word := range words {
		switch {
		case k.flag != nil:
			k.setGlobal(k.flag.Names()[0], word)
			k.flag = nil
		case len(word) > 1 && word[0] == '-':
			k.readFlag(word)
		default:
			k.readWord(word)
		}
	}
}

func (k *completer) readFlag(word string) {
	name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
	f := flagNamed(k.flags(), name)
	if f == nil {
		return
	}
	if hasValue {
		k.setGlobal(name, value)
		return
	}
	if d, ok := f.(cli.DocGenerationFlag); ok && d.TakesValue() {
		k.flag = f
	}
}

// setGlobal takes the values that say where the index is.
func (k *completer) setGlobal(name, value string) {
	abs, err := absolute(name, value)
	switch {
	case err != nil:
	case name == "config":
		k.ConfigPath, k.Chosen = abs, true
	case name == "state-dir":
		k.State = state.Dir(abs)
	}
}

func (k *completer) readWord(word string) {
	for _, c := range k.commands() {
		if c.HasName(word) {
			k.command, k.name = c, append(k.name, c.Name)
			return
		}
	}
	k.arguments++
}

// commands are those that the next word can name.
func (k *completer) commands() []*cli.Command {
	switch {
	case k.arguments > 0:
		return nil
	case k.command == nil:
		return k.app.Commands
	}
	return k.command.Subcommands
}

// flags are those that the command line can have.
func (k *completer) flags() []cli.Flag {
	all := slices.Clone(k.app.Flags)
	if k.command != nil {
		all = append(all, k.command.Flags...)
	}
	return append(all, cli.HelpFlag)
}

func (k *completer) complete(ctx context.Context) {
	if k.flag != nil {
		k.values(ctx, k.flag.Names()[0])
		return
	}
	if strings.HasPrefix(k.prefix, "-") {
		for _, f := range k.flags() {
			for _, word := range flagNames(f) {
				k.offer(word)
			}
		}
		return
	}
	for _, c := range k.commands() {
		if !c.Hidden {
			k.offer(c.Name)
		}
	}
	k.argument(ctx)
}

// flagNames are the names of a flag as people write them.
func flagNames(f cli.Flag) []string {
	var words []string
	for _, name := range f.Names() {
		words = append(words, strings.Repeat("-", min(len(name), 2))+name)
	}
	return words
}

// offer prints a candidate if it goes on from what is there.
func (k *completer) offer(word string) {
	if strings.HasPrefix(word, k.prefix) {
		fmt.Fprintln(k.out, word)
	}
}

// fixed are values that flags can have.
func fixed() map[string][]string {
	return map[string][]string{
		"engine": engines.Names(), "mode": {"incremental", "compressed"}, "fill": {"auto", "upload", "copy", "link"},
		"log-level": {"debug", "info", "warn", "error"},
	}
}

// values completes the value of a flag. Where nothing is printed shells offer files.
func (k *completer) values(_ context.Context, flag string) {
	for _, word := range fixed()[flag] {
		k.offer(word)
	}
	if flag == "destination" {
		k.destinations()
	}
}

// argument completes an argument of the command by its name in the usage: PATH, [JOB...].
func (k *completer) argument(ctx context.Context) {
	switch k.kind() {
	case "PATH", "OLD", "NEW", "DIRECTORY":
		_ = k.paths(ctx) // there is nobody to tell
	case "JOB":
		k.jobs()
	case "DESTINATION":
		k.destinations()
	case "SHELL":
		for _, word := range []string{"bash", "zsh", "fish"} {
			k.offer(word)
		}
	}
}

// kind is what the next argument is. NAME is that of a destination or a job; that of a new one has no candidates.
func (k *completer) kind() string {
	if k.command == nil {
		return ""
	}
	usage := strings.Fields(strings.NewReplacer("[", "", "]", "", "...", " ...").Replace(k.command.ArgsUsage))
	kinds := slices.DeleteFunc(slices.Clone(usage), func(word string) bool { return word == "..." })
	if len(kinds) == 0 || k.arguments >= len(kinds) && !slices.Contains(usage, "...") {
		return ""
	}
	kind := kinds[min(k.arguments, len(kinds)-1)]
	switch {
	case kind != "NAME" || k.command.Name == "add":
		return kind
	case k.name[0] == "job":
		return "JOB"
	}
	return "DESTINATION"
}

// configured is the configuration, or an empty one.
func (k *completer) configured() *config.Config {
	c, err := k.ConfigOrNone()
	if err != nil {
		return &config.Config{}
	}
	return c
}

func (k *completer) destinations() {
	for _, name := range slices.Sorted(maps.Keys(k.configured().Destinations)) {
		k.offer(name)
	}
}

func (k *completer) jobs() {
	for _, name := range slices.Sorted(maps.Keys(k.configured().Jobs)) {
		k.offer(name)
	}
}

// paths completes a path in the mount, from the index or through whoever has it. Directories end with a slash.
func (k *completer) paths(ctx context.Context) error {
	b, err := k.Browse(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	dir, base := path.Split(k.prefix)
	shownDir, err := k.path(ctx, b, dir, false)
	if err != nil {
		return err
	}
	return b.List(ctx, shownDir, func(n *browse.Node) error {
		name := term.Escape(n.Name)
		if !strings.HasPrefix(name, base) {
			return nil
		}
		if n.IsDir() {
			name += "/"
		}
		_, err := fmt.Fprintln(k.out, dir+name)
		return err
	})
}
