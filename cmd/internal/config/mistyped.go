package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// mismatch is what the TOML library says of a value of another type than its key has. Its errors tell the types in their text alone.
var mismatch = regexp.MustCompile(`cannot (?:decode|store) TOML ([a-z ]+) in(?:to|) (?:struct field \S+ of type|a Go) (.+)$`)

// kinds are what people call values, by what the library calls them in a file and by the types of keys.
var kinds = map[string]string{
	"string": "a text in quotes", "integer": "a whole number", "float": "a number", "boolean": "true or false", "array": "a list", "table": "a table",
	"inline table": "a table", "int": "a whole number", "int64": "a whole number", "bool": "true or false", "float64": "a number",
}

// mistyped says what a key wants that has a value of another type; nil for any other error.
func mistyped(err *toml.DecodeError) error {
	found := mismatch.FindStringSubmatch(firstLine(err.Error()))
	if found == nil {
		return nil
	}
	want, key := strings.TrimLeft(found[2], "*"), "value"
	if k := err.Key(); len(k) > 0 {
		key = k[len(k)-1]
	}
	switch {
	case strings.HasPrefix(want, "[]"):
		want = `a list like ["..."]`
	case strings.HasPrefix(want, "map"), strings.Contains(want, "."):
		want = "a table"
	case kinds[want] != "":
		want = kinds[want]
	default:
		return nil
	}
	if kinds[found[1]] == "" {
		return fmt.Errorf("%s: want %s", key, want)
	}
	return fmt.Errorf("%s: want %s, not %s", key, want, kinds[found[1]])
}
