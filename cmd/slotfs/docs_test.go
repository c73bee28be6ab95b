package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/manual"
	"slotfs/cmd/internal/term"
)

// readDocument reads a file of the project.
func readDocument(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// leaf is a command that does something.
type leaf struct {
	name  string // "slotfs destination add"
	flags []cli.Flag
}

func leaves(app *cli.App) []leaf {
	all := []leaf{{"slotfs", app.Flags}}
	var walk func(prefix string, commands []*cli.Command)
	walk = func(prefix string, commands []*cli.Command) {
		for _, c := range commands {
			if c.Hidden {
				continue
			}
			name := prefix + " " + c.Name
			walk(name, c.Subcommands)
			if len(c.Subcommands) == 0 || c.ArgsUsage != "" {
				all = append(all, leaf{name, c.Flags})
			}
		}
	}
	walk("slotfs", app.Commands)
	return all
}

// flagWords are the names of flags as people write them, sorted.
func flagWords(flags []cli.Flag) []string {
	var words []string
	for _, f := range flags {
		for _, name := range f.Names() {
			if name == "help" || name == "h" {
				continue
			}
			dashes := "--"
			if len(name) == 1 {
				dashes = "-"
			}
			words = append(words, dashes+name)
		}
	}
	slices.Sort(words)
	return words
}

// documented are the flags of the lines that pick finds in a section.
func documented(section string, pick *regexp.Regexp) []string {
	var words []string
	for _, line := range pick.FindAllStringSubmatch(section, -1) {
		for _, word := range regexp.MustCompile(`(^|[^\w-])(--?[a-z][a-z0-9-]*)`).FindAllStringSubmatch(line[1], -1) {
			if w := word[2]; w != "--help" && w != "-h" && w != "--version" && w != "-v" {
				words = append(words, w)
			}
		}
	}
	slices.Sort(words)
	return words
}

// sections cuts a document at its headings.
func sections(text string, heading *regexp.Regexp) map[string]string {
	found := map[string]string{}
	at := heading.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		found[text[m[2]:m[3]]] = text[m[1]:end]
	}
	return found
}

// checkFlags compares the flags that a document names for a command with those that it has.
func checkFlags(t *testing.T, document string, l leaf, section string, pick *regexp.Regexp) {
	t.Helper()
	if got, want := documented(section, pick), flagWords(l.flags); !slices.Equal(got, want) {
		t.Errorf("%s: flags of %s are\n%v, documented are\n%v", document, l.name, want, got)
	}
}

func TestReferenceDocumentsTheCommandLine(t *testing.T) {
	text := readDocument(t, "docs/reference.md")
	found := sections(text, regexp.MustCompile(`(?m)^##+ (.*)$`))
	known := map[string]bool{}
	for _, l := range leaves(newApp(&shell{terminal: &term.Terminal{}})) {
		heading := l.name
		if heading == "slotfs" {
			heading = "Commands"
		}
		known[heading] = true
		section, ok := found[heading]
		if !ok {
			t.Errorf("reference.md: %s is not there", l.name)
			continue
		}
		checkFlags(t, "reference.md", l, section, regexp.MustCompile("(?m)^\\| (`-[^|]*) \\|"))
	}
	for heading := range found {
		if strings.HasPrefix(heading, "slotfs ") && !known[heading] {
			t.Errorf("reference.md: there is no %s", heading)
		}
	}
	for _, m := range exit.Meanings() {
		if !strings.Contains(found["Exit codes"], fmt.Sprintf("| %d | %s |\n", m.Code, m.Text)) {
			t.Errorf("reference.md: exit code %d is not %q", m.Code, m.Text)
		}
	}
	if got, want := strings.Count(found["Exit codes"], "\n| "), len(exit.Meanings())+1; got != want {
		t.Errorf("reference.md: %d rows of exit codes, want %d", got, want)
	}
}

func TestManDocumentsTheCommandLine(t *testing.T) {
	roff := strings.NewReplacer(`\-`, "-", `\fB`, "", `\fI`, "", `\fP`, "", `\fR`, "")
	for _, l := range leaves(newApp(&shell{terminal: &term.Terminal{}})) {
		page := strings.ReplaceAll(l.name, " ", "-") + ".1"
		text := roff.Replace(readDocument(t, "docs/man/"+page))
		found := sections(text, regexp.MustCompile(`(?m)^\.S[HS] "?(.*?)"?$`))
		section := found["OPTIONS"] + found["GLOBAL OPTIONS"]
		checkFlags(t, page, l, section, regexp.MustCompile(`(?m)^(-.*)$`))
		for _, m := range exit.Meanings() {
			if !strings.Contains(found["EXIT STATUS"], fmt.Sprintf("%d\n%s\n", m.Code, m.Text)) {
				t.Errorf("%s: exit code %d is not %q", page, m.Code, m.Text)
			}
		}
	}
}

// update writes the generated documents anew.
var update = flag.Bool("update", false, "write the reference and the man pages")

// What is generated is committed, so that it can be read and installed without building.
func TestGeneratedDocumentsAreUpToDate(t *testing.T) {
	pages, err := manual.Pages(newApp(&shell{terminal: &term.Terminal{}}), helpTexts())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"docs/reference.md": manual.Reference(pages)}
	for name, text := range manual.Men(pages) {
		want["docs/man/"+name] = text
	}
	committed, err := filepath.Glob("../../docs/man/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range committed {
		if want["docs/man/"+filepath.Base(path)] != "" {
			continue
		}
		t.Errorf("%s describes no command", path)
		if *update {
			err = errors.Join(err, os.Remove(path))
		}
	}
	for path, text := range want {
		if *update {
			err = errors.Join(err, os.WriteFile("../../"+path, []byte(text), 0o644))
		} else if got, e := os.ReadFile("../../" + path); e != nil || string(got) != text {
			t.Errorf("%s is not what the program says of itself: run `make docs`", path)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tomlBlock finds the examples of configurations in a document.
var tomlBlock = regexp.MustCompile("(?s)```toml\n(.*?)```")

func TestDocumentedConfigurationIsValid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	examples := map[string]string{"the commented example": uncommented(readDocument(t, "scripts/dist/slotfs.toml"))}
	for _, m := range tomlBlock.FindAllStringSubmatch(readDocument(t, "docs/guide.md"), -1) {
		examples["docs/guide.md"] += m[1] + "\n"
	}
	if err := os.MkdirAll(filepath.Dir(w.config), 0o755); err != nil {
		t.Fatal(err)
	}
	for document, example := range examples {
		if err := os.WriteFile(w.config, []byte(example), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := w.run("destination", "list"); r.code != 0 || !strings.Contains(r.out, "offsite") {
			t.Errorf("%s: the example is refused:\n%s", document, r.err)
		}
	}
}

// uncommented turns the settings of a commented configuration on: "#key = value" and "#[table]"; prose has a blank behind "#".
func uncommented(text string) string {
	return regexp.MustCompile(`(?m)^#([^# ])`).ReplaceAllString(text, "$1")
}

func TestHelpExplainsKeysOfTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := w.must(0, "help", "job.retention"); !strings.Contains(r.out, "retention = 7") {
		t.Errorf("help for a key says %q", r.out)
	}
	if r := w.must(0, "help", "port"); !strings.Contains(r.out, "Default: 22") {
		t.Errorf("help for a key says %q", r.out)
	}
	w.refused(2, "unknown command", "help", "nothing-of-that-kind")
}
