package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"slotfs/cmd/internal/schedule"
)

// Bounds of the settings.
const (
	maxName        = 40
	maxText        = 4096
	maxTimeout     = time.Hour
	maxRetries     = 1000
	maxConnections = 256
	// scheduled is the engine whose backups come from elsewhere, so that somebody has to look for them.
	scheduled = "cpanel"
)

// Name checks the name of a destination. It is a directory of the mount and a file of the state directory.
func Name(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name %q: want 1 to %d characters", name, maxName)
	}
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", rune(c))) {
			return fmt.Errorf("name %q: want a-z 0-9 . _ - only, beginning with a letter or digit", name)
		}
	}
	return nil
}

// Check checks all settings.
func (d *Destination) Check(engines []string) error {
	_, err := d.check(engines)
	return err
}

// check checks all settings; with an error comes the key that it is about.
func (d *Destination) check(engines []string) (string, error) {
	if err := Name(d.Name); err != nil {
		return "", err
	}
	if key, err := d.checkText(); err != nil {
		return key, err
	}
	if !slices.Contains(engines, d.Engine) {
		return "engine", fmt.Errorf("engine %q: unknown; there is %s", d.Engine, strings.Join(engines, ", "))
	}
	if d.Port < 1 || d.Port > 65535 {
		return "port", fmt.Errorf("port %d: want 1 to 65535", d.Port)
	}
	if d.ConnectionTimeout < time.Second || d.ConnectionTimeout > maxTimeout {
		return "connection-timeout", fmt.Errorf("connection-timeout %v: want 1s to %v", d.ConnectionTimeout, maxTimeout)
	}
	if d.MaxRetries < 0 || d.MaxRetries > maxRetries {
		return "max-retries", fmt.Errorf("max-retries %d: want 0 (unlimited) to %d", d.MaxRetries, maxRetries)
	}
	if d.MaxConnections < 0 || d.MaxConnections > maxConnections {
		return "max-connections", fmt.Errorf("max-connections %d: want 0 (unlimited) to %d", d.MaxConnections, maxConnections)
	}
	for i, origin := range d.LocalOrigins {
		if len(origin) > maxText || strings.ContainsFunc(origin, unicode.IsControl) || slices.Contains(strings.Split(origin, "/"), "..") {
			return "local-origin", fmt.Errorf("local-origin %q: want the path between the directory and the date directories", origin)
		}
		d.LocalOrigins[i] = strings.Trim(origin, "/")
	}
	if key, err := d.checkScrub(); err != nil {
		return key, err
	}
	if key, err := d.checkTurns(); err != nil {
		return key, err
	}
	if d.Reindex != "" {
		if d.Engine != scheduled {
			return "reindex", fmt.Errorf("reindex: engine %s has no schedule, what writes its backups tells of them", d.Engine)
		}
		if _, err := schedule.Parse(d.Reindex); err != nil {
			return "reindex", fmt.Errorf("reindex: %w", err)
		}
	}
	return "", nil
}

// checkText checks the settings that are text.
func (d *Destination) checkText() (string, error) {
	for _, s := range []struct {
		key, value string
		required   bool
	}{
		{"engine", d.Engine, true}, {"host", d.Host, true}, {"username", d.Username, true},
		{"directory", d.Directory, false}, {"passphrase-file", d.PassphraseFile, false},
		{"password-file", d.PasswordFile, false}, {"identity-file", d.IdentityFile, false},
	} {
		if s.required && s.value == "" {
			return s.key, fmt.Errorf("%s is missing", s.key)
		}
		if len(s.value) > maxText || strings.ContainsFunc(s.value, unicode.IsControl) {
			return s.key, fmt.Errorf("%s %q: too long, or with control characters", s.key, s.value)
		}
	}
	if strings.ContainsAny(d.Host, " /@") || strings.HasPrefix(d.Host, "-") {
		return "host", fmt.Errorf("host %q: want a name or an address", d.Host)
	}
	for _, line := range d.HostKeys {
		if line == "" || len(line) > maxText || strings.ContainsFunc(line, unicode.IsControl) {
			return "host-key", fmt.Errorf("host-key %q: empty, too long, or with control characters", line)
		}
		if strings.HasPrefix(line, "SHA256:") || strings.HasPrefix(line, "MD5:") {
			return "host-key", fmt.Errorf("host-key %q: a fingerprint; want the key, `ssh-ed25519 AAAA...`, as ssh-keyscan prints it behind the host", line)
		}
	}
	for key, path := range map[string]string{"password-file": d.PasswordFile, "identity-file": d.IdentityFile, "passphrase-file": d.PassphraseFile} {
		if path != "" && !filepath.IsAbs(path) {
			return key, fmt.Errorf("%s %q: want an absolute path", key, path)
		}
	}
	if slices.Contains(strings.Split(d.Directory, "/"), "..") {
		return "directory", errors.New(`directory: ".." is not allowed`)
	}
	return "", nil
}
