package config

import (
	"fmt"
	"strconv"
	"strings"
)

// AddJob returns the document with a table for j appended.
func AddJob(path string, data []byte, j *Job, engines []string) ([]byte, error) {
	before, err := Parse(path, data, engines)
	if err != nil {
		return nil, err
	}
	if before.Jobs[j.Name] != nil {
		return nil, fmt.Errorf("job %s: exists already", j.Name)
	}
	out := withTable(data, j.text())
	before.Jobs[j.Name] = j
	return out, same(path, out, before, engines)
}

// RemoveJob returns the document without the table of a job. Comments above the table and after its last value stay.
func RemoveJob(path string, data []byte, name string, engines []string) ([]byte, error) {
	before, err := Parse(path, data, engines)
	if err != nil {
		return nil, err
	}
	if before.Jobs[name] == nil {
		return nil, fmt.Errorf("job %s: unknown", name)
	}
	out, err := withoutTable(path, data, "job", name)
	if err != nil {
		return nil, err
	}
	delete(before.Jobs, name)
	return out, same(path, out, before, engines)
}

// UsedBy lists the jobs that write to a destination, in order.
func (c *Config) UsedBy(destination string) []string {
	var names []string
	for _, name := range c.JobNames() {
		if c.Jobs[name].Destination == destination {
			names = append(names, name)
		}
	}
	return names
}

// text is the table of j; what has its default is left out.
func (j *Job) text() string {
	var b strings.Builder
	name := j.Name
	if strings.Contains(name, ".") {
		name = strconv.Quote(name)
	}
	fmt.Fprintf(&b, "[job.%s]\ndestination = %s\nsource = %s\n%s", name, quoteAny(j.Destination), j.sourceText(), policyText(j.Policy))
	for _, s := range []struct{ key, value, standard string }{
		{"account-name", j.AccountName, ""}, {"mode", j.Mode, DefaultMode}, {"prefix", j.Prefix, ""},
		{"exclude-file", j.ExcludeFile, ""}, {"before", j.Before, ""}, {"after", j.After, ""}, {"fill", j.Fill, DefaultFill},
		{"gone-after", FormatAge(j.GoneAfter), ""}, {"max-age", FormatAge(j.MaxAge), ""}, {"ping", j.Ping, ""},
	} {
		if s.value != s.standard {
			fmt.Fprintf(&b, "%s = %s\n", s.key, quoteAny(s.value))
		}
	}
	if len(j.Exclude) > 0 {
		fmt.Fprintf(&b, "exclude = %s\n", quoteAll(j.Exclude))
	}
	if j.ExcludeCaches {
		b.WriteString("exclude-caches = true\n")
	}
	if j.OneFileSystem {
		b.WriteString("one-file-system = true\n")
	}
	if j.NetworkFS {
		b.WriteString("include-network-filesystems = true\n")
	}
	if j.StallTimeout != 0 {
		fmt.Fprintf(&b, "stall-timeout = %q\n", j.StallTimeout)
	}
	if j.Bandwidth != 0 {
		fmt.Fprintf(&b, "bandwidth = %q\n", FormatRate(j.Bandwidth))
	}
	if j.Concurrency != DefaultConcurrency {
		fmt.Fprintf(&b, "concurrency = %d\n", j.Concurrency)
	}
	if j.Parallel != j.DefaultParallel() {
		fmt.Fprintf(&b, "parallel-accounts = %d\n", j.Parallel)
	}
	return b.String()
}

// quoteAny writes a basic string of TOML, control characters as escapes: commands may have several lines.
func quoteAny(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = quoteAny(s)
	}
	return bracketed(quoted)
}

func bracketed(values []string) string { return "[" + strings.Join(values, ", ") + "]" }
