package destinations

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
)

// assign makes one KEY=VALUE; an empty value is the default.
func assign(d *config.Destination, text string) error {
	key, v, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q: want KEY=VALUE", text)
	}
	texts := map[string]*string{
		"host": &d.Host, "username": &d.Username, "directory": &d.Directory, "reindex": &d.Reindex, "scrub": &d.Scrub, "window": &d.Window,
		"identity-file": &d.IdentityFile, "passphrase-file": &d.PassphraseFile, "password-file": &d.PasswordFile,
	}
	numbers := map[string]*int{"port": &d.Port, "max-retries": &d.MaxRetries, "max-connections": &d.MaxConnections, "max-writers": &d.MaxWriters}
	standard := map[string]int{
		"port": config.DefaultPort, "max-retries": config.DefaultMaxRetries, "max-connections": config.DefaultMaxConnections,
	}
	ages := map[string]*time.Duration{"max-age": &d.MaxAge, "max-wait": &d.MaxWait}
	durations := map[string]*time.Duration{"connection-timeout": &d.ConnectionTimeout, "jitter": &d.Jitter}
	var err error
	switch {
	case texts[key] != nil:
		*texts[key] = v
	case numbers[key] != nil && v == "":
		*numbers[key] = standard[key]
	case numbers[key] != nil:
		*numbers[key], err = strconv.Atoi(v)
	case key == "connection-timeout" && v == "":
		d.ConnectionTimeout = config.DefaultConnectionTimeout
	case durations[key] != nil && v == "":
		*durations[key] = 0
	case durations[key] != nil:
		*durations[key], err = time.ParseDuration(v)
	case ages[key] != nil && v == "":
		*ages[key] = 0
	case ages[key] != nil:
		*ages[key], err = config.ParseAge(v)
	case key == "scrub-bandwidth" && v == "":
		d.ScrubBandwidth = 0
	case key == "scrub-bandwidth":
		d.ScrubBandwidth, err = config.ParseRate(v)
	case key == "legacy-algorithms" && v == "":
		d.LegacyAlgorithms = false
	case key == "legacy-algorithms":
		d.LegacyAlgorithms, err = strconv.ParseBool(v)
	case key == "local-origin":
		d.LocalOrigins = strings.Split(v, ",")
		if v == "" {
			d.LocalOrigins = nil
		}
	case key == "engine":
		return fmt.Errorf("engine: cannot be changed: add another destination")
	default:
		return fmt.Errorf("%s: no such setting", key)
	}
	if err != nil {
		return fmt.Errorf("%s %q: no such value", key, v)
	}
	return nil
}
