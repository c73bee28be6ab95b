package main

import (
	"reflect"
	"strings"
	"testing"

	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/fleet"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/service/restores"
	"slotfs/cmd/internal/service/slots"
)

// TestJSONIsDocumented compares the keys of what commands print with --json with those that docs/formats.md names for them.
func TestJSONIsDocumented(t *testing.T) {
	text := readDocument(t, "docs/formats.md")
	_, text, _ = strings.Cut(text, "--json")
	for row, printed := range map[string][]any{
		"| `destination remove`": {changedJSON{}, slots.Changed{}},
		"| `index` |":            {resultJSON{}},
		"| `index export` |":     {api.ExportedPack{}},
		"| `index import` |":     {api.ImportedPacks{}, api.PackFailure{}},
		"| `status` |":           {statusKeys{}},
		"| `ls` |":               {shown{}},
		"| `ls --tables` |":      {tableJSON{}},
		"| `find` |":             {matchJSON{}},
		"| `fleet` |":            {fleet.Summary{}},
		"| `fleet find` |":       {fleetMatch{}},
		"| `versions` |":         {browse.Version{}},
		"| `diff` |":             {diffJSON{}},
		"| `restore` |":          {restores.Report{}},
		"| `export` |":           {exportJSON{}},
		"| `job list`":           {shownJobKeys{}},
		"`sync`: an array":       {jobs.Result{}},
		"`slots`: an array":      {slots.Slot{}},
		"`verify`: an array":     {slots.Verified{}},
		"`verify` of a":          {destinationVerified{}},
		"With `--json`,":         {errorJSON{}},
	} {
		at := strings.Index(text, row)
		if at < 0 {
			t.Errorf("docs/formats.md does not have %q", row)
			continue
		}
		section := text[at:]
		end := "\n"
		if !strings.HasPrefix(row, "|") {
			end = "\n\n`"
			if strings.HasPrefix(row, "With") {
				end = "\n\n"
			}
		}
		section, _, _ = strings.Cut(section, end)
		for _, v := range printed {
			for _, key := range jsonKeys(reflect.TypeOf(v)) {
				if !strings.Contains(section, "`"+key+"`") {
					t.Errorf("%s: `%s` is printed and not documented", row, key)
				}
			}
		}
	}
}

// statusKeys are those of the report and of its destinations; what is in the other objects has its own place.
type statusKeys struct {
	Version, PID, Since, Mountpoint, Passes, Fault, Index, Cache, Destinations any
	api.DestinationReport
}

// shownJobKeys are those that a job has beside its settings.
type shownJobKeys struct {
	Accounts []jobs.ShownAccount `json:"accounts"`
	Warnings []string            `json:"warnings"`
}

// jsonKeys are the keys of a type and of what is in it. A field without a tag has its name in lower case; a type of another package
// that has keys of its own is documented elsewhere.
func jsonKeys(of reflect.Type) []string {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range of.NumField() {
		f := of.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && key == "":
			keys = append(keys, jsonKeys(f.Type)...)
			continue
		case !f.IsExported() || key == "-":
			continue
		case key == "":
			key = strings.ToLower(f.Name)
		}
		keys = append(keys, key)
		keys = append(keys, ownKeys(f.Type)...)
	}
	return keys
}

// ownKeys are jsonKeys of what a key has, if that is a type of commands.
func ownKeys(of reflect.Type) []string {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if !strings.HasSuffix(of.PkgPath(), "cmd/slotfs") && !strings.HasSuffix(of.PkgPath(), "service/jobs") && !strings.HasSuffix(of.PkgPath(), "service/slots") &&
		!strings.HasSuffix(of.PkgPath(), "service/restores") {
		return nil
	}
	return jsonKeys(of)
}
