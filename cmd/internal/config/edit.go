package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// errByHand says that a change cannot be made without touching more than it should.
var errByHand = errors.New("its table is written in a form that is not edited automatically")

// Add returns the document with a table for d appended.
func Add(path string, data []byte, d *Destination, engines []string) ([]byte, error) {
	before, err := Parse(path, data, engines)
	if err != nil {
		return nil, err
	}
	if before.Destinations[d.Name] != nil {
		return nil, fmt.Errorf("destination %s: exists already", d.Name)
	}
	out := withTable(data, d.text())
	before.Destinations[d.Name] = d
	return out, same(path, out, before, engines)
}

// Remove returns the document without the table of a destination. Comments above the table and after its last
// value stay.
func Remove(path string, data []byte, name string, engines []string) ([]byte, error) {
	before, err := Parse(path, data, engines)
	if err != nil {
		return nil, err
	}
	if before.Destinations[name] == nil {
		return nil, fmt.Errorf("destination %s: unknown", name)
	}
	if jobs := before.UsedBy(name); len(jobs) > 0 {
		return nil, fmt.Errorf("destination %s: job %s writes to it", name, strings.Join(jobs, ", "))
	}
	out, err := withoutTable(path, data, "destination", name)
	if err != nil {
		return nil, err
	}
	delete(before.Destinations, name)
	return out, same(path, out, before, engines)
}

// withTable appends a table, with an empty line before it.
func withTable(data []byte, table string) []byte {
	out := bytes.Clone(data)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	if len(out) > 0 {
		out = append(out, '\n')
	}
	return append(out, table...)
}

// withoutTable takes the table [SECTION.NAME] out.
func withoutTable(path string, data []byte, section, name string) ([]byte, error) {
	where, err := scan(data)
	if err != nil {
		return nil, &Error{Path: path, Err: err}
	}
	t, ok := where.table(section, name)
	if !ok {
		return nil, &Error{Path: path, Line: where.line(section, name), Err: fmt.Errorf("%s %s: %w", section, name, errByHand)}
	}
	start, end := t.start, t.end
	// One of the empty lines around the table goes with it.
	if start > 0 && bytes.HasSuffix(data[:start], []byte("\n\n")) {
		start--
	} else if start == 0 && bytes.HasPrefix(data[end:], []byte("\n")) {
		end++
	}
	return append(bytes.Clone(data[:start]), data[end:]...), nil
}

// same proves that a changed document says what it should and nothing else.
func same(path string, data []byte, want *Config, engines []string) error {
	got, err := Parse(path, data, engines)
	if err != nil || !reflect.DeepEqual(got, want) {
		return &Error{Path: path, Err: errByHand}
	}
	return nil
}

// text is the table of d; what has its default is left out.
func (d *Destination) text() string {
	var b strings.Builder
	name := d.Name
	if strings.Contains(name, ".") {
		name = strconv.Quote(name)
	}
	fmt.Fprintf(&b, "[destination.%s]\n", name)
	for _, s := range []struct{ key, value string }{
		{"engine", d.Engine}, {"directory", d.Directory}, {"host", d.Host}, {"username", d.Username},
		{"password-file", d.PasswordFile}, {"identity-file", d.IdentityFile},
		{"passphrase-file", d.PassphraseFile}, {"reindex", d.Reindex},
	} {
		if s.value != "" {
			fmt.Fprintf(&b, "%s = %s\n", s.key, quote(s.value))
		}
	}
	writeList(&b, "host-key", d.HostKeys)
	writeList(&b, "local-origin", d.LocalOrigins)
	if d.LegacyAlgorithms {
		b.WriteString("legacy-algorithms = true\n")
	}
	if d.Port != DefaultPort {
		fmt.Fprintf(&b, "port = %d\n", d.Port)
	}
	if d.ConnectionTimeout != DefaultConnectionTimeout {
		fmt.Fprintf(&b, "connection-timeout = %q\n", d.ConnectionTimeout)
	}
	if d.MaxRetries != DefaultMaxRetries {
		fmt.Fprintf(&b, "max-retries = %d\n", d.MaxRetries)
	}
	if d.MaxConnections != DefaultMaxConnections {
		fmt.Fprintf(&b, "max-connections = %d\n", d.MaxConnections)
	}
	return b.String()
}

// writeList writes a key whose value is a text or a list of it; nothing where the list is empty.
func writeList(b *strings.Builder, key string, values []string) {
	switch len(values) {
	case 0:
	case 1:
		fmt.Fprintf(b, "%s = %s\n", key, quote(values[0]))
	default:
		fmt.Fprintf(b, "%s = [\n", key)
		for _, v := range values {
			fmt.Fprintf(b, "  %s,\n", quote(v))
		}
		b.WriteString("]\n")
	}
}

// quote writes a basic string of TOML. Control characters were refused before.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
