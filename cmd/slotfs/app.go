package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
)

// Where things are unless flags say otherwise.
const (
	defaultConfig   = "/etc/slotfs/slotfs.toml"
	defaultStateDir = "/var/lib/slotfs"
)

// maxSocket is how long the path of a Unix socket can be (unix(7)).
const maxSocket = 107

// shell is where commands read and write.
type shell struct {
	in       *os.File
	out, err *os.File
	terminal *term.Terminal
	json     bool        // --json is given
	survives atomic.Bool // a hang-up is no reason to end
}

// settings are the global flags.
type settings struct {
	*shell
	*service.Environment
	logLevel string
}

// newApp describes the command line.
func newApp(s *shell) *cli.App {
	app := &cli.App{
		Name:            "slotfs",
		Usage:           "make the backups on an SFTP destination a directory",
		Version:         fullVersion(),
		HideHelpCommand: true,
		// Patterns and commands may have commas.
		DisableSliceFlagSeparator: true,
		Writer:                    s.out,
		ErrWriter:                 s.err,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "configuration `FILE`", Value: defaultConfig, EnvVars: []string{"SLOTFS_CONFIG"}},
			&cli.StringFlag{Name: "state-dir", Usage: "`DIR` of the index and everything else that is kept", Value: defaultStateDir,
				EnvVars: []string{"SLOTFS_STATE_DIR"}},
			&cli.StringFlag{Name: "log-level", Usage: "least `LEVEL` of messages on standard error: debug, info, warn or error",
				DefaultText: "info for mount, else warn"},
			&cli.BoolFlag{Name: "json", Usage: "print data as JSON"},
		},
		Commands: []*cli.Command{
			destinationCommand(s), indexCommand(s), mountCommand(s), umountCommand(s), serveCommand(s), reloadCommand(s), statusCommand(s),
			lsCommand(s), catCommand(s), findCommand(s), versionsCommand(s), diffCommand(s), restoreCommand(s), exportCommand(s),
			jobCommand(s), syncCommand(s), slotsCommand(s), pinCommand(s), unpinCommand(s), forgetCommand(s), verifyCommand(s),
			historyCommand(s), notifyCommand(s), linkCommand(s), adminCommand(s), auditCommand(s), panelCommand(s), fleetCommand(s),
			completionCommand(s), completeCommand(s), keyHelpCommand(s),
		},
		// Errors are printed in one place, and only main ends the process.
		ExitErrHandler: func(*cli.Context, error) {},
		Description:    exitCodes(),
	}
	eachCommand(app.Commands, func(c *cli.Command) {
		c.HideHelpCommand = true
		c.OnUsageError = usageError
	})
	app.OnUsageError = usageError
	return app
}

// execute runs a command line.
func (s *shell) execute(ctx context.Context, argv []string) error {
	app := newApp(s)
	args, err := arrange(app, argv[1:])
	if err == nil && wantsHelp(args) {
		err = explain(app)
	}
	if err != nil {
		return err
	}
	return app.RunContext(ctx, append([]string{app.Name}, args...))
}

func eachCommand(commands []*cli.Command, do func(*cli.Command)) {
	for _, c := range commands {
		do(c)
		eachCommand(c.Subcommands, do)
	}
}

// usageError is what the command-line library finds wrong with a flag's value.
func usageError(c *cli.Context, err error, _ bool) error {
	text := strings.Replace(err.Error(), " for flag -", " for flag --", 1)
	return exit.With(fmt.Errorf("%s", text), exit.Usage, seeHelp(c.Command.HelpName))
}

func seeHelp(command string) string {
	return "see " + strings.Join(append([]string{"slotfs"}, strings.Fields(strings.TrimPrefix(command, "slotfs"))...), " ") + " --help"
}

func exitCodes() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, m := range exit.Meanings() {
		fmt.Fprintf(&b, "%5d  %s\n", m.Code, m.Text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// settings reads the global flags. level is that of the log where --log-level does not say.
func (s *shell) settings(c *cli.Context, level slog.Level) (*settings, error) {
	out := &settings{shell: s, logLevel: c.String("log-level"), Environment: &service.Environment{Version: fullVersion(), Chosen: c.IsSet("config")}}
	s.json = c.Bool("json")
	var err error
	if out.ConfigPath, err = absolute("config", c.String("config")); err != nil {
		return nil, err
	}
	dir, err := absolute("state-dir", c.String("state-dir"))
	if err != nil {
		return nil, err
	}
	out.State = state.Dir(dir)
	if len(out.State.Socket()) > maxSocket {
		return nil, exit.Usagef("--state-dir %s: longer than a socket's path may be", dir)
	}
	if out.logLevel != "" {
		if err := level.UnmarshalText([]byte(out.logLevel)); err != nil {
			return nil, exit.Usagef("--log-level %q: want debug, info, warn or error", out.logLevel)
		}
	}
	out.Log = newLog(s.err, level)
	return out, nil
}

func newLog(w *os.File, level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if journaled(w) {
		return slog.New(newJournalHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func absolute(flag, path string) (string, error) {
	if path == "" {
		return "", exit.Usagef("--%s: empty", flag)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flag, err)
	}
	return abs, nil
}
