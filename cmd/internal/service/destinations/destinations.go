// Package destinations knows how a destination is tried, tested, added, changed and removed: its host key, its login, the key that is
// installed there, the configuration. It must not know flags or the terminal.
package destinations

import (
	"context"
	"fmt"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest"
)

// Connector makes of a destination what a connection takes.
type Connector interface {
	ConnectionSettings(d *config.Destination) (sftpdest.Settings, error)
	ConnectionOptions(d *config.Destination) sftpdest.Options
}

// Index is what is known of destinations, in whichever process has it.
type Index interface {
	ForgetDestination(ctx context.Context, name string) error
	// ReloadOwner has the process read the configuration again.
	ReloadOwner(ctx context.Context) error
}

// Person is somebody who can be asked.
type Person interface {
	Secret(ctx context.Context, prompt string) (string, error)
	Confirm(ctx context.Context, question string) (bool, error)
}

// Notices takes what somebody should know while a destination is changed. Texts may have what a server sent.
type Notices interface {
	Note(text string)
	Warn(text string)
}

// Editor adds, changes and removes the destinations of an installation.
type Editor struct {
	ConfigPath string
	State      state.Dir
	Connector  Connector
	Index      Index
	Person     Person // nil: nobody is there
	Notices    Notices
}

// notef tells what was done.
func (e *Editor) notef(format string, args ...any) { e.Notices.Note(fmt.Sprintf(format, args...)) }

// warnf tells what somebody may not have meant.
func (e *Editor) warnf(format string, args ...any) { e.Notices.Warn(fmt.Sprintf(format, args...)) }

// secret asks for something that does not appear on the screen.
func (e *Editor) secret(ctx context.Context, prompt string) (string, error) {
	if e.Person == nil {
		return "", term.ErrNoTerminal
	}
	return e.Person.Secret(ctx, prompt)
}

// InUse refuses a destination that jobs write to.
func InUse(c *config.Config, d *config.Destination) error {
	jobs := c.UsedBy(d.Name)
	if len(jobs) == 0 {
		return nil
	}
	err := fmt.Errorf("destination %s: job %s writes to it", d.Name, strings.Join(jobs, ", "))
	return exit.With(err, exit.Usage, "remove that first: slotfs job remove "+jobs[0])
}

// sameAccount reports whether two destinations log in as one user of one server.
func sameAccount(a, b *config.Destination) bool {
	return a.Host == b.Host && a.Port == b.Port && a.Username == b.Username
}

// save writes a secret, if there is one, and the configuration as edit makes it.
func (e *Editor) save(name, password string, edit func(data []byte) ([]byte, error)) error {
	if password != "" {
		if err := e.State.SaveSecret(name, password); err != nil {
			return err
		}
	}
	return config.Update(e.ConfigPath, edit)
}
