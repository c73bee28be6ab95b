package api

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"slotfs/cmd/internal/exit"
)

// parameter is a parameter of a route, as a field of its struct says.
type parameter struct {
	name     string
	in       string // "query" or "path"
	doc      string
	required bool
	field    []int
}

// parametersOf lists the parameters of a struct, those of embedded ones too.
func parametersOf(of reflect.Type) []parameter {
	var all []parameter
	for _, f := range reflect.VisibleFields(of) {
		if f.Anonymous {
			continue
		}
		p := parameter{in: "query", name: f.Tag.Get("query"), doc: f.Tag.Get("doc"), field: f.Index, required: f.Tag.Get("required") != ""}
		if p.name == "" {
			p.in, p.name, p.required = "path", f.Tag.Get("path"), true
		}
		all = append(all, p)
	}
	return all
}

// parameters reads the parameters of a request. Those that the route does not have are refused: a misspelt one would change the
// answer and tell nobody.
func parameters[P any](c *Call) (P, error) {
	var out P
	v := reflect.ValueOf(&out).Elem()
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return out, exit.Usagef("request: %w", err)
	}
	all := parametersOf(v.Type())
	for name, values := range query {
		if !slices.ContainsFunc(all, func(p parameter) bool { return p.in == "query" && p.name == name }) {
			return out, exit.Usagef("request: no parameter %q", name)
		}
		if len(values) > 1 {
			return out, exit.Usagef("request: parameter %q more than once", name)
		}
	}
	for _, p := range all {
		text, there := query.Get(p.name), query.Has(p.name)
		if p.in == "path" {
			text, there = c.r.PathValue(p.name), true
		}
		switch {
		case there:
			if err := assign(v.FieldByIndex(p.field), text); err != nil {
				return out, exit.Usagef("request: %s %q: %w", p.name, text, err)
			}
		case p.required:
			return out, exit.Usagef("request: parameter %q is missing", p.name)
		}
	}
	return out, nil
}

// assign sets a field to what a request says.
func assign(f reflect.Value, text string) (err error) {
	switch f.Interface().(type) {
	case string:
		f.SetString(text)
	case bool:
		b := true // "?latest" says so as well
		if text != "" {
			b, err = strconv.ParseBool(text)
		}
		f.SetBool(b)
	case int:
		var n int64
		n, err = strconv.ParseInt(text, 10, 32)
		if n < 0 {
			err = strconv.ErrRange
		}
		f.SetInt(n)
	case uint64:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 64)
		f.SetUint(n)
	case time.Time:
		var t time.Time
		t, err = time.Parse(time.RFC3339, text)
		f.Set(reflect.ValueOf(t))
	default:
		panic(fmt.Sprintf("a parameter has the type %s", f.Type())) // of a table in this package
	}
	return err
}
