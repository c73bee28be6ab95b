// Package service knows the process that owns the index: which destinations it uses, the passes and schedules that it runs, what is
// shown of the snapshots, with a mount or without, and how other processes ask for that. It must not know flags or the terminal.
package service

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/state"
	"slotfs/indexer/engine/engines"
)

// Environment is an installation: its configuration, its state directory, and where messages go.
type Environment struct {
	Version    string
	ConfigPath string
	Chosen     bool // somebody chose the path of the configuration: it must be there
	State      state.Dir
	Log        *slog.Logger
	Processors int // where the scheduler is told of more than there are; 0: it is not
}

// Config reads the configuration file.
func (e *Environment) Config() (*config.Config, error) {
	if _, err := os.Stat(e.ConfigPath); e.Chosen && errors.Is(err, fs.ErrNotExist) {
		return nil, exit.With(fmt.Errorf("configuration: %s: not there", e.ConfigPath), exit.Usage,
			"check --config; `slotfs destination add` makes a new one")
	}
	return e.ConfigOrNone()
}

// ConfigOrNone reads the configuration file; one that is not there is empty.
func (e *Environment) ConfigOrNone() (*config.Config, error) {
	c, err := config.Load(e.ConfigPath, engines.Names())
	if err != nil {
		return nil, exit.With(err, exit.Usage, "")
	}
	return c, nil
}

// Named checks names of destinations; none given are all.
func Named(c *config.Config, names []string) ([]string, error) {
	if len(names) == 0 {
		names = c.Names()
	}
	for _, name := range names {
		if c.Destinations[name] == nil {
			return nil, UnknownDestination(c, name)
		}
	}
	if len(names) == 0 {
		return nil, exit.With(fmt.Errorf("%s: no destination there", c.Path), exit.Usage, "add one with `slotfs destination add`")
	}
	return names, nil
}

// UnknownDestination says that the configuration has no destination of that name, and which ones it has.
func UnknownDestination(c *config.Config, name string) error {
	hint := "add it with `slotfs destination add`"
	if names := c.Names(); len(names) > 0 {
		hint = "there is " + strings.Join(names, ", ")
	}
	return exit.With(fmt.Errorf("destination %s: not in %s", name, c.Path), exit.Usage, hint)
}
