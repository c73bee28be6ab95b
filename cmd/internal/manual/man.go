package manual

import (
	"fmt"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

// Men gives the man pages by their file names. description and files are the Markdown of slotfs(1) alone.
func Men(pages []Page) map[string]string {
	men := map[string]string{"slotfs.toml.5": configurationMan()}
	for i, p := range pages {
		name := strings.ReplaceAll(p.Name, " ", "-") + ".1"
		if i == 0 {
			men[name] = programMan(p, pages[1:])
		} else {
			men[name] = commandMan(p)
		}
	}
	return men
}

// head begins a man page.
func head(name string, section int, usage string) string {
	return fmt.Sprintf("%s %d \"\" \"slotfs\" \"slotfs\"\n==================================================\n\n# NAME\n\n%s - %s\n\n",
		strings.ToUpper(name), section, name, usage)
}

func programMan(p Page, commands []Page) string {
	var b strings.Builder
	b.WriteString(head("slotfs", 1, p.Usage))
	b.WriteString("# SYNOPSIS\n\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "    %s\n", c.Synopsis())
	}
	fmt.Fprintf(&b, "\n# DESCRIPTION\n\n%s\n\n# COMMANDS\n\n", p.Text)
	for _, c := range commands {
		fmt.Fprintf(&b, "**%s**(1)\n: %s\n\n", strings.ReplaceAll(c.Name, " ", "-"), c.Usage)
	}
	b.WriteString("# GLOBAL OPTIONS\n\n")
	options(&b, p.Flags)
	exitStatus(&b)
	b.WriteString("# SEE ALSO\n\n**slotfs.toml**(5)\n")
	return render(b.String())
}

func commandMan(p Page) string {
	name := strings.ReplaceAll(p.Name, " ", "-")
	var b strings.Builder
	b.WriteString(head(name, 1, p.Usage))
	fmt.Fprintf(&b, "# SYNOPSIS\n\n**%s**%s\n\n", p.Name, strings.TrimPrefix(p.Synopsis(), p.Name))
	if p.Text != "" {
		fmt.Fprintf(&b, "# DESCRIPTION\n\n%s\n\n", p.Text)
	}
	if len(p.Flags) > 0 {
		b.WriteString("# OPTIONS\n\n")
		options(&b, p.Flags)
	}
	exitStatus(&b)
	b.WriteString("# SEE ALSO\n\n**slotfs**(1), which has the global options, **slotfs.toml**(5)\n")
	return render(b.String())
}

func options(b *strings.Builder, flags []Flag) {
	for _, f := range flags {
		words := "**" + strings.Join(f.Names, "**, **") + "**"
		if f.Value != "" {
			words += " *" + f.Value + "*"
		}
		fmt.Fprintf(b, "%s\n: %s.\n\n", words, strings.TrimSuffix(sentence(f.Sentence()), "."))
	}
}

func exitStatus(b *strings.Builder) {
	b.WriteString("# EXIT STATUS\n\n")
	for _, m := range exit.Meanings() {
		fmt.Fprintf(b, "**%d**\n: %s\n\n", m.Code, m.Text)
	}
}

func configurationMan() string {
	var b strings.Builder
	b.WriteString(head("slotfs.toml", 5, "configuration of slotfs"))
	b.WriteString("# DESCRIPTION\n\n" + strings.SplitN(Configuration(), "\n\n", 2)[0] + "\n\n")
	for _, t := range config.Tables() {
		fmt.Fprintf(&b, "# %s\n\n%s\n\n", t.Heading(), t.Text)
		for _, k := range config.Keys() {
			if k.Table == t.Name {
				fmt.Fprintf(&b, "**%s** = `%s`\n: %s\n\n", k.Name, k.Example, about(k))
			}
		}
	}
	b.WriteString("# SEE ALSO\n\n**slotfs**(1)\n")
	return render(b.String())
}

// render makes a man page of Markdown.
func render(text string) string { return string(md2man.Render([]byte(text))) }
