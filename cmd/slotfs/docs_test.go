package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
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

func checkDocument(t *testing.T, name, global string, found map[string]string, pick *regexp.Regexp) {
	t.Helper()
	app := newApp(&shell{terminal: &term.Terminal{}})
	known := map[string]bool{}
	for _, l := range leaves(app) {
		heading := l.name
		if heading == "slotfs" {
			heading = global
		}
		known[heading] = true
		section, ok := found[heading]
		if !ok {
			t.Errorf("%s: %s is not there", name, l.name)
			continue
		}
		if got, want := documented(section, pick), flagWords(l.flags); !slices.Equal(got, want) {
			t.Errorf("%s: flags of %s are\n%v, documented are\n%v", name, l.name, want, got)
		}
	}
	for heading := range found {
		if strings.HasPrefix(heading, "slotfs ") && !known[heading] {
			t.Errorf("%s: there is no %s", name, heading)
		}
	}
}

func TestReadmeDocumentsTheCommandLine(t *testing.T) {
	text := readDocument(t, "README.md")
	found := sections(text, regexp.MustCompile(`(?m)^##+ (.*)$`))
	checkDocument(t, "README.md", "Commands", found, regexp.MustCompile("(?m)^\\| (`-[^|]*) \\|"))
	for _, m := range exit.Meanings() {
		if !strings.Contains(found["Exit codes"], fmt.Sprintf("| %d | %s |\n", m.Code, m.Text)) {
			t.Errorf("README.md: exit code %d is not %q", m.Code, m.Text)
		}
	}
	if got, want := strings.Count(found["Exit codes"], "\n| "), len(exit.Meanings())+1; got != want {
		t.Errorf("README.md: %d rows of exit codes, want %d", got, want)
	}
}

func TestManualDocumentsTheCommandLine(t *testing.T) {
	text := strings.NewReplacer(`\-`, "-", `\fB`, "", `\fI`, "", `\fR`, "").Replace(readDocument(t, "docs/slotfs.1"))
	found := sections(text, regexp.MustCompile(`(?m)^\.S[HS] "?(.*?)"?$`))
	checkDocument(t, "slotfs.1", "GLOBAL OPTIONS", found, regexp.MustCompile(`(?m)^\.TP\n(-.*)$`))
	for _, m := range exit.Meanings() {
		if !strings.Contains(found["EXIT STATUS"], fmt.Sprintf(".TP\n%d\n%s\n", m.Code, m.Text)) {
			t.Errorf("slotfs.1: exit code %d is not %q", m.Code, m.Text)
		}
	}
}

func TestDocumentedConfigurationIsValid(t *testing.T) {
	w := newWorld(t)
	for _, doc := range []string{"README.md", "docs/slotfs.1"} {
		text := strings.ReplaceAll(readDocument(t, doc), `\-`, "-")
		start := strings.Index(text, "[destination.offsite]")
		if start < 0 {
			t.Fatalf("%s: no example of a configuration", doc)
		}
		example := text[start:]
		for _, end := range []string{"```", "\n.fi"} {
			if i := strings.Index(example, end); i >= 0 {
				example = example[:i]
			}
		}
		if err := os.MkdirAll(w.dir+"/etc", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.config, []byte(example), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := w.run("destination", "list"); r.code != 0 || !strings.Contains(r.out, "offsite") {
			t.Errorf("%s: the example is refused:\n%s", doc, r.err)
		}
	}
}
