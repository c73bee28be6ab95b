// Package manual knows the manual: it makes the man pages and the reference of the command line from the definitions of the
// commands and their flags, the pages that people wrote about commands, and the keys of the configuration. It must not know
// what a command does.
package manual

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Page is what there is to say about one command.
type Page struct {
	Name  string // "slotfs destination add"
	Usage string // one line
	Args  string // "NAME [PATH...]"
	Text  string // Markdown; may be empty
	Flags []Flag
}

// Flag is one flag of a command.
type Flag struct {
	Names   []string // as people write them: "--long", "-l"
	Value   string   // "FILE"; empty: it takes none
	Text    string
	Default string // in words; empty: none
	Env     string // variable that stands for it
}

// flagsHeading stands before what a page says about single flags, one a line: "- `--flag`: text.".
const flagsHeading = "\n## Flags\n"

// Pages describes the program, and every command that does something, in the order of the command line. texts has a file
// "destination-add.md" for the command "destination add".
func Pages(app *cli.App, texts fs.FS) ([]Page, error) {
	// The library adds these two when it runs.
	own := append(slices.Clone(app.Flags), cli.HelpFlag, cli.VersionFlag)
	program, err := page(texts, "slotfs", &cli.Command{Usage: app.Usage, Flags: own})
	if err != nil {
		return nil, err
	}
	all := []Page{program}
	err = each(app.Commands, app.Name, func(name string, c *cli.Command) error {
		if len(c.Subcommands) > 0 && c.ArgsUsage == "" {
			return nil
		}
		p, err := page(texts, name, c)
		all = append(all, p)
		return err
	})
	return all, err
}

// each calls do for every command that is shown, those below a command behind it.
func each(commands []*cli.Command, above string, do func(name string, c *cli.Command) error) error {
	for _, c := range commands {
		if c.Hidden {
			continue
		}
		name := above + " " + c.Name
		if err := do(name, c); err != nil {
			return err
		}
		if err := each(c.Subcommands, name, do); err != nil {
			return err
		}
	}
	return nil
}

func page(texts fs.FS, name string, c *cli.Command) (Page, error) {
	p := Page{Name: name, Usage: c.Usage, Args: c.ArgsUsage}
	text, err := fs.ReadFile(texts, File(name))
	if err != nil {
		return p, fmt.Errorf("manual of %s: %w", name, err)
	}
	body, about, _ := strings.Cut(string(text), flagsHeading)
	p.Text = strings.TrimSpace(body)
	more, err := details(about)
	if err != nil {
		return p, fmt.Errorf("manual of %s: %w", name, err)
	}
	for _, f := range c.Flags {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok || slices.Contains(f.Names(), "help") && name != "slotfs" {
			continue
		}
		flag := describe(d)
		if text, ok := more[flag.Names[0]]; ok {
			flag.Text += "; " + text
			delete(more, flag.Names[0])
		}
		p.Flags = append(p.Flags, flag)
	}
	for flag := range more {
		return p, fmt.Errorf("manual of %s: it has no flag %s", name, flag)
	}
	return p, nil
}

// File is the name of the file with the page of a command.
func File(name string) string {
	if name == "slotfs" {
		return "slotfs.md"
	}
	return strings.ReplaceAll(strings.TrimPrefix(name, "slotfs "), " ", "-") + ".md"
}

// details reads what a page says about single flags.
func details(text string) (map[string]string, error) {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		flag, about, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "- `"), "`: ")
		if !ok || !strings.HasPrefix(flag, "-") {
			return nil, fmt.Errorf("%q: want \"- `--flag`: text.\"", line)
		}
		found[flag] = strings.TrimSuffix(about, ".")
	}
	return found, nil
}

// describe reads the definition of a flag.
func describe(d cli.DocGenerationFlag) Flag {
	var f Flag
	for _, name := range d.(cli.Flag).Names() {
		dashes := "--"
		if len(name) == 1 {
			dashes = "-"
		}
		f.Names = append(f.Names, dashes+name)
	}
	f.Text = d.GetUsage()
	if before, rest, ok := strings.Cut(f.Text, "`"); ok && d.TakesValue() {
		value, after, _ := strings.Cut(rest, "`")
		f.Value, f.Text = value, before+value+after
	}
	if d.TakesValue() {
		if f.Value == "" {
			f.Value = "VALUE"
		}
		f.Default = defaultOf(d)
	}
	if variables := d.GetEnvVars(); len(variables) > 0 {
		f.Env = variables[0]
	}
	return f
}

// defaultOf is the default of a flag that takes a value. Empty texts and zeros are none.
func defaultOf(d cli.DocGenerationFlag) string {
	text := strings.Trim(d.GetDefaultText(), `"`)
	if text == "0" || text == "0s" || text == "[]" {
		return ""
	}
	return text
}

// Words is a flag as it is typed, with the placeholder of its value: "--long, -l" or "--file FILE".
func (f Flag) Words() string {
	words := strings.Join(f.Names, ", ")
	if f.Value != "" {
		words += " " + f.Value
	}
	return words
}

// Sentence is what there is to say about a flag.
func (f Flag) Sentence() string {
	text := f.Text
	if f.Default != "" {
		text += "; default: `" + f.Default + "`"
	}
	if f.Env != "" {
		text += ", or `$" + f.Env + "`"
	}
	return text
}

// Synopsis is a command as it is typed.
func (p Page) Synopsis() string {
	words := p.Name
	if len(p.Flags) > 0 {
		words += " [flags]"
	}
	if p.Args != "" {
		words += " " + p.Args
	}
	return words
}

// Intro is the first paragraph of a page.
func (p Page) Intro() string {
	first, _, _ := strings.Cut(p.Text, "\n\n")
	return first
}
