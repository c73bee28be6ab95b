package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest/auth"
)

// editor changes destinations, and asks and tells whoever sits at the terminal.
func (s *settings) editor() *destinations.Editor {
	e := &destinations.Editor{ConfigPath: s.ConfigPath, State: s.State, Connector: s.Environment, Index: s.Environment, Notices: notices{s.shell}}
	if s.terminal.Interactive {
		e.Person = s.terminal
	}
	return e
}

// notices shows what is told while a destination is changed.
type notices struct{ *shell }

// Note implements destinations.Notices.
func (n notices) Note(text string) {
	text = term.Clean(text)
	if n.json {
		_ = json.NewEncoder(n.err).Encode(errorJSON{Notice: text}) // there is nobody else to tell
		return
	}
	fmt.Fprintln(n.err, text)
}

// Warn implements destinations.Notices.
func (n notices) Warn(text string) {
	if n.json {
		n.warn(text, "")
		return
	}
	n.Note("Warning: " + text)
}

// readTrust makes of the flags which host keys are accepted.
func readTrust(c *cli.Context) (destinations.Trust, error) {
	out := destinations.Trust{Fingerprint: c.String("accept-host-key"), Any: c.Bool("accept-new-host-key")}
	if out.Fingerprint != "" && out.Any {
		return out, exit.Usagef("--accept-host-key and --accept-new-host-key: only one of them")
	}
	file := c.String("host-ca")
	if file == "" {
		return out, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return out, fmt.Errorf("--host-ca: %w", err)
	}
	if out.Authorities, err = auth.HostAuthorities(text); err != nil {
		err = exit.With(fmt.Errorf("--host-ca %s: %w", file, err), exit.Usage, "give the public key of the authority that signs host keys")
	}
	return out, err
}

// readLogin makes of the flags how to log in. other says that there is another way than a password.
func (s *settings) readLogin(c *cli.Context, other bool) (destinations.Login, error) {
	out := destinations.Login{Keep: c.Bool("keep-password")}
	var err error
	if out.Password, err = s.readPassword(c); err != nil || out.Password != "" || other {
		return out, err
	}
	if !s.terminal.Interactive {
		return out, exit.With(fmt.Errorf("password: %w", term.ErrNoTerminal), exit.Usage,
			"give --password-file, --password-stdin, --identity-file or --agent")
	}
	out.Ask = true
	return out, nil
}

// readPassword reads the password that flags name; empty if there is none.
func (s *settings) readPassword(c *cli.Context) (string, error) {
	switch {
	case c.IsSet("password-file") && c.Bool("password-stdin"):
		return "", exit.Usagef("--password-file and --password-stdin: only one of them")
	case c.IsSet("password-file"):
		return state.ReadSecret(c.String("password-file"))
	case c.Bool("password-stdin"):
		return s.passwordStdin()
	}
	return "", nil
}

// maxStdin bounds what is read as a password.
const maxStdin = 64 << 10

func (s *settings) passwordStdin() (string, error) {
	data, err := io.ReadAll(io.LimitReader(s.in, maxStdin))
	if err != nil {
		return "", fmt.Errorf("password: standard input: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", exit.Usagef("password: standard input has none")
	}
	return line, nil
}
