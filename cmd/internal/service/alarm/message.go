package alarm

import (
	"fmt"
	"slices"
	"strings"

	"slotfs/cmd/internal/service/alarm/send"
	"slotfs/cmd/internal/term"
)

// shownFindings bounds how many findings of one sort a message lists.
const shownFindings = 20

// maxFinding bounds the line of a finding.
const maxFinding = 500

// message puts a change into words.
func (c *change) message(host string) send.Message {
	var b strings.Builder
	list(&b, "", c.wrong)
	list(&b, "good again:", c.good)
	list(&b, "no longer watched:", c.gone)
	list(&b, "was wrong and is good again (this could not be told before):", c.past)
	if left := c.still(); left > 0 {
		section(&b, fmt.Sprintf("still wrong, told before: %d (slotfs status lists them)", left))
	}
	return send.Message{Subject: "slotfs on " + host + ": " + c.subject(), Text: strings.TrimSuffix(b.String(), "\n")}
}

// still is how much is wrong that was told before.
func (c *change) still() int {
	n := 0
	for i := range c.all {
		if c.all[i].Event != Restored {
			n++
		}
	}
	for i := range c.wrong {
		if c.wrong[i].Event != Restored {
			n--
		}
	}
	return n
}

// list adds a section of findings.
func list(b *strings.Builder, title string, all []Finding) {
	if len(all) == 0 {
		return
	}
	section(b, title)
	for i, f := range all {
		if i == shownFindings {
			fmt.Fprintf(b, "... and %d more\n", len(all)-i)
			return
		}
		fmt.Fprintln(b, term.Cut(f.Text, maxFinding))
	}
}

// section begins a section, with an empty line before it.
func section(b *strings.Builder, title string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	if title != "" {
		fmt.Fprintln(b, title)
	}
}

// subjects say how many of each event there are.
var subjects = []struct {
	event     Event
	one, many string
}{
	{Failed, "failure", "failures"}, {Silence, "without a good backup", "without a good backup"}, {Unreachable, "destination unreachable", "destinations unreachable"},
	{HostKey, "host key changed", "host keys changed"}, {Verify, "backup differs", "backups differ"}, {NearlyFull, "destination nearly full", "destinations nearly full"},
	{Partial, "done with less", "done with less"}, {Poorer, "poorer than before", "poorer than before"},
	{Gone, "account gone for long", "accounts gone for long"}, {Restored, "restore into a live account", "restores into live accounts"},
}

// subject puts a change into a few words.
func (c *change) subject() string {
	var words []string
	for _, s := range subjects {
		n := 0
		for i := range c.wrong {
			if c.wrong[i].Event == s.event {
				n++
			}
		}
		if n > 0 {
			words = append(words, term.Count(int64(n), s.one, s.many))
		}
	}
	if len(words) == 0 && len(c.good) > 0 {
		words = append(words, "good again: "+names(c.good))
	}
	if len(words) == 0 && len(c.gone) > 0 {
		words = append(words, "no longer watched: "+names(c.gone))
	}
	if len(words) == 0 {
		words = append(words, "was wrong: "+names(c.past))
	}
	return strings.Join(words, ", ")
}

// names lists a few objects.
func names(all []Finding) string {
	var objects []string
	for _, f := range all {
		if !slices.Contains(objects, f.Object) {
			objects = append(objects, f.Object)
		}
	}
	const most = 3
	if n := len(objects); n > most {
		return strings.Join(objects[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	}
	return strings.Join(objects, ", ")
}
