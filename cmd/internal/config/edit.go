package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
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
	name := d.Name
	if strings.Contains(name, ".") {
		name = strconv.Quote(name)
	}
	text := fmt.Sprintf("[destination.%s]\n", name)
	for _, v := range d.values() {
		text += v.text()
	}
	return text
}

// value is a key with what stands behind it; empty: it has its default, and is left out.
type value struct{ key, toml string }

func (v value) text() string {
	if v.toml == "" {
		return ""
	}
	return v.key + " = " + v.toml + "\n"
}

// values are the settings of d.
func (d *Destination) values() []value {
	var all []value
	for _, s := range []struct{ key, value string }{
		{"engine", d.Engine}, {"directory", d.Directory}, {"host", d.Host}, {"username", d.Username},
		{"password-file", d.PasswordFile}, {"identity-file", d.IdentityFile},
		{"passphrase-file", d.PassphraseFile}, {"reindex", d.Reindex}, {"scrub", d.Scrub}, {"max-age", FormatAge(d.MaxAge)},
		{"window", d.Window}, {"jitter", FormatAge(d.Jitter)}, {"max-wait", FormatAge(d.MaxWait)},
	} {
		v := value{key: s.key}
		if s.value != "" {
			v.toml = quote(s.value)
		}
		all = append(all, v)
	}
	number := func(key string, n, standard int) {
		v := value{key: key}
		if n != standard {
			v.toml = strconv.Itoa(n)
		}
		all = append(all, v)
	}
	legacy, timeout := value{key: "legacy-algorithms"}, value{key: "connection-timeout"}
	if d.LegacyAlgorithms {
		legacy.toml = "true"
	}
	if d.ConnectionTimeout != DefaultConnectionTimeout {
		timeout.toml = strconv.Quote(d.ConnectionTimeout.String())
	}
	bandwidth := value{key: "scrub-bandwidth"}
	if d.ScrubBandwidth != 0 {
		bandwidth.toml = strconv.Quote(FormatRate(d.ScrubBandwidth))
	}
	all = append(all, bandwidth, value{"host-key", listOf(d.HostKeys)}, value{"local-origin", listOf(d.LocalOrigins)}, legacy)
	number("port", d.Port, DefaultPort)
	all = append(all, timeout)
	number("max-retries", d.MaxRetries, DefaultMaxRetries)
	number("max-writers", d.MaxWriters, 0)
	number("max-connections", d.MaxConnections, DefaultMaxConnections)
	return all
}

// listOf is a text, or a list of several; empty where there is none.
func listOf(values []string) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return quote(values[0])
	}
	text := "[\n"
	for _, v := range values {
		text += "  " + quote(v) + ",\n"
	}
	return text + "]"
}

// Set returns the document with the table of d as d says. What does not change stays as it was written, comments too.
func Set(path string, data []byte, d *Destination, engines []string) ([]byte, error) {
	before, err := Parse(path, data, engines)
	if err != nil {
		return nil, err
	}
	old := before.Destinations[d.Name]
	if old == nil {
		return nil, fmt.Errorf("destination %s: unknown", d.Name)
	}
	where, err := scan(data)
	if err != nil {
		return nil, &Error{Path: path, Err: err}
	}
	table, ok := where.table("destination", d.Name)
	if !ok {
		err := fmt.Errorf("destination %s: %w", d.Name, errByHand)
		return nil, &Error{Path: path, Line: where.line("destination", d.Name), Err: err}
	}
	type edit struct {
		from, to int
		text     string
	}
	var edits []edit
	added := ""
	was := old.values()
	for i, v := range d.values() {
		if v == was[i] {
			continue
		}
		k := joined([]string{"destination", d.Name, v.key})
		from, there := where.keys[k]
		switch {
		case !there:
			added += v.text()
		case v.toml == "":
			edits = append(edits, edit{where.lineStart(from), where.lineEnd(where.ends[k]), ""})
		default:
			edits = append(edits, edit{from, where.ends[k], v.key + " = " + v.toml})
		}
	}
	header := where.lineEnd(table.start)
	if added != "" && header > 0 && data[header-1] != '\n' {
		added = "\n" + added
	}
	edits = append(edits, edit{header, header, added})
	slices.SortFunc(edits, func(a, b edit) int { return b.from - a.from })
	out := bytes.Clone(data)
	for _, e := range edits { // the last one first: what is before it does not move
		out = slices.Replace(out, e.from, e.to, []byte(e.text)...)
	}
	before.Destinations[d.Name] = d
	return out, same(path, out, before, engines)
}

// quote writes a basic string of TOML. Control characters were refused before.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
