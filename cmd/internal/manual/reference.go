package manual

import (
	"fmt"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

const generated = "<!-- Made from the definitions of the program: `make docs`. -->\n\n"

// Reference is the reference of the command line and the configuration, in Markdown.
func Reference(pages []Page) string {
	var b strings.Builder
	b.WriteString(generated + "# Reference\n\n## Commands\n\n")
	for i, p := range pages {
		if i > 0 {
			fmt.Fprintf(&b, "### %s\n\n    %s\n\n%s.\n\n", p.Name, p.Synopsis(), sentence(p.Usage))
		}
		if p.Text != "" {
			b.WriteString(p.Text + "\n\n")
		}
		writeFlags(&b, p.Flags)
	}
	b.WriteString("## Configuration\n\n" + Configuration())
	b.WriteString("## Exit codes\n\n| code | meaning |\n|---|---|\n")
	for _, m := range exit.Meanings() {
		fmt.Fprintf(&b, "| %d | %s |\n", m.Code, m.Text)
	}
	b.WriteString("\nAs a helper of `mount(8)`: 0, 1 for wrong usage, 32 for everything else.\n")
	return b.String()
}

func writeFlags(b *strings.Builder, flags []Flag) {
	if len(flags) == 0 {
		return
	}
	b.WriteString("| flag | meaning |\n|---|---|\n")
	for _, f := range flags {
		fmt.Fprintf(b, "| `%s` | %s |\n", f.Words(), cell(f.Sentence()))
	}
	b.WriteString("\n")
}

// sentence begins with a capital letter.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// cell is text within a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Configuration describes the configuration file, in Markdown.
func Configuration() string {
	var b strings.Builder
	b.WriteString("`/etc/slotfs/slotfs.toml` is written by hand or by `slotfs destination` and `slotfs job`, which keep comments. Unknown keys are errors\n" +
		"with file and line. A running mount reads it again with `slotfs reload` (which is what `systemctl reload slotfs` does: it fails\n" +
		"where the file is wrong, and what was read before stays), on SIGHUP, or with any `slotfs index`. `slotfs help KEY` explains a key.\n\n")
	for _, t := range config.Tables() {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n| key | example | meaning |\n|---|---|---|\n", t.Heading(), t.Text)
		for _, k := range config.Keys() {
			if k.Table == t.Name {
				fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", k.Name, cell(k.Example), cell(about(k)))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// about is what a key means, with its default.
func about(k config.Key) string {
	if k.Default == "" {
		return k.Text
	}
	return k.Text + " Default: " + k.Default + "."
}

// Explain describes keys of the configuration on a terminal.
func Explain(keys []config.Key) string {
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteString("\n")
		}
		for _, t := range config.Tables() {
			if t.Name == k.Table {
				fmt.Fprintf(&b, "%s\n%s = %s\n\n%s\n", t.Heading(), k.Name, k.Example, Wrap(plain(about(k)), 78))
			}
		}
	}
	return b.String()
}

// plain takes the marks of code away.
func plain(text string) string { return strings.ReplaceAll(text, "`", "") }

// Wrap breaks a paragraph into lines of at most width bytes where it has spaces.
func Wrap(text string, width int) string {
	var b strings.Builder
	line := 0
	for _, word := range strings.Fields(text) {
		switch {
		case line == 0:
		case line+1+len(word) > width:
			b.WriteByte('\n')
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
