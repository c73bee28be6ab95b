package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// readSources takes the sources of a job: each is a text, or a table with a path and allow-empty.
func (j *Job) readSources(all []any) error {
	for _, one := range all {
		switch one := one.(type) {
		case string:
			j.Source = append(j.Source, one)
		case map[string]any:
			if err := j.readSource(one); err != nil {
				return err
			}
		default:
			return fmt.Errorf("source %v: want a text or a table with path and allow-empty", one)
		}
	}
	return nil
}

func (j *Job) readSource(table map[string]any) error {
	path, ok := table["path"].(string)
	if !ok {
		return errors.New("source: path is missing, or no text")
	}
	allow := false
	for key, value := range table {
		switch key {
		case "path":
		case "allow-empty":
			allow, ok = value.(bool)
			if !ok {
				return fmt.Errorf("source %q: allow-empty: want true or false", path)
			}
		default:
			return fmt.Errorf("source %q: unknown key %q", path, key)
		}
	}
	j.Source = append(j.Source, path)
	if allow {
		j.AllowEmpty = append(j.AllowEmpty, path)
	}
	return nil
}

// MayBeEmpty reports whether it is no error that a source matches nothing.
func (j *Job) MayBeEmpty(source string) bool { return slices.Contains(j.AllowEmpty, source) }

// Stall is how long a source may give no answer before its account is given up.
func (j *Job) Stall() time.Duration { return cmp.Or(j.StallTimeout, DefaultStallTimeout) }

// sourceText writes the sources as readSources reads them.
func (j *Job) sourceText() string {
	quoted := make([]string, len(j.Source))
	for i, s := range j.Source {
		quoted[i] = quoteAny(s)
		if j.MayBeEmpty(s) {
			quoted[i] = "{path = " + quoted[i] + ", allow-empty = true}"
		}
	}
	return bracketed(quoted)
}
