// Package concern tells how a backup is poorer than the account's last good one: parts that are gone, dumps and homes that shrank.
// It compares what two snapshots are cut into, and must not know where backups lie or how they were read.
//
// What somebody dropped on purpose is a concern once: the next backup is compared with one that does not have it either.
package concern

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"slotfs/indexer/backup"
)

// Content is what is compared of a snapshot.
type Content struct {
	Counts backup.Counts
	Parts  *backup.Parts
	Bytes  int64            // backup.Snapshot.Content
	Dumps  map[string]int64 // bytes of each database dump, by the path of its part
}

// Limits say from when on less is a concern, in percent of what was there before. 0: never.
type Limits struct {
	Dump int64 // of the bytes of a dump
	Home int64 // of the entries of the home directory, and of the bytes of everything
}

// DefaultLimits are those of a destination that names none.
var DefaultLimits = Limits{Dump: 10, Home: 50}

// watched are the kinds of parts that are expected to be there again, and what one calls them.
var watched = []struct {
	kind backup.PartKind
	noun string
}{
	{backup.Databases, "databases"},
	{backup.DatabaseUsers, "database users"},
	{backup.Email, "mailboxes"},
	{backup.Domains, "domains"},
	{backup.DNS, "DNS zones"},
	{backup.Cron, "cron tables"},
}

// Compare tells in which ways now is poorer than before, in a fixed order.
func Compare(before, now *Content, limits Limits) []backup.Concern {
	var all []backup.Concern
	old, cur := namesOf(before.Parts), namesOf(now.Parts)
	for _, w := range watched {
		was, is := before.Counts[w.kind], now.Counts[w.kind]
		var gone []string
		for _, name := range slices.Sorted(maps.Keys(old[w.kind])) {
			if !cur[w.kind][name] {
				gone = append(gone, name)
			}
		}
		switch {
		case len(gone) > 0:
			all = append(all, backup.Concern{Kind: backup.PartGone, Text: fmt.Sprintf("%s %d -> %d: missing %s", w.noun, was, is, backup.Enumerate(gone))})
		case is < was && len(old[w.kind]) == 0: // parts that have no names of their own
			all = append(all, backup.Concern{Kind: backup.PartGone, Text: fmt.Sprintf("%s %d -> %d", w.noun, was, is)})
		}
	}
	all = append(all, home(before, now, limits)...)
	return append(all, dumps(before, now, limits)...)
}

// home compares the home directories, and the backups as a whole.
func home(before, now *Content, limits Limits) []backup.Concern {
	was, is := int64(before.Counts[backup.Files]), int64(now.Counts[backup.Files])
	switch {
	case was > 0 && is == 0:
		return []backup.Concern{{Kind: backup.PartGone, Text: "the home directory is missing"}}
	case below(is, was, limits.Home):
		return []backup.Concern{{Kind: backup.Shrunk, Text: fmt.Sprintf("entries of the home directory %d -> %d", was, is)}}
	case below(now.Bytes, before.Bytes, limits.Home):
		return []backup.Concern{{Kind: backup.Shrunk, Text: fmt.Sprintf("bytes of the whole backup %d -> %d", before.Bytes, now.Bytes)}}
	}
	return nil
}

// small is from how many bytes on the size of a dump means something: those of empty databases vary by their comments.
const small = 16 << 10

// dumps compares the dumps of databases that both backups have. cPanel's writer makes a database's .create first: that it is
// there says nothing of the dump.
func dumps(before, now *Content, limits Limits) []backup.Concern {
	var all []backup.Concern
	old, cur := dumped(before), dumped(now)
	there := namesOf(now.Parts)[backup.Databases]
	var gone []string
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if there[name] && !cur[name] {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		all = append(all, backup.Concern{Kind: backup.PartGone, Text: "databases without their dump: " + backup.Enumerate(gone)})
	}
	var shrunk []string
	for _, path := range slices.Sorted(maps.Keys(before.Dumps)) {
		was := before.Dumps[path]
		if is, ok := now.Dumps[path]; ok && (was >= small || is == 0) && below(is, was, limits.Dump) {
			shrunk = append(shrunk, fmt.Sprintf("%s (%d -> %d bytes)", label(backup.Databases, path), was, is))
		}
	}
	if len(shrunk) > 0 {
		all = append(all, backup.Concern{Kind: backup.DumpSize, Text: "dumps much smaller: " + backup.Enumerate(shrunk)})
	}
	return all
}

// dumped are the names of the databases whose content is in the backup.
func dumped(c *Content) map[string]bool {
	names := make(map[string]bool, len(c.Dumps))
	for path := range c.Dumps {
		if !strings.HasSuffix(path, ".create") {
			names[label(backup.Databases, path)] = true
		}
	}
	return names
}

// below reports whether is has less than so many percent of was.
func below(is, was, percent int64) bool {
	return float64(is)*100 < float64(was)*float64(percent)
}

// namesOf tells what parts there are of each watched kind, as people call them.
func namesOf(p *backup.Parts) map[backup.PartKind]map[string]bool {
	all := make(map[backup.PartKind]map[string]bool, len(watched))
	for _, w := range watched {
		all[w.kind] = make(map[string]bool)
	}
	for i := range p.Grafts {
		g := &p.Grafts[i]
		if names := all[g.Kind]; names != nil {
			if name := label(g.Kind, g.Path); name != "" {
				names[name] = true
			}
		}
	}
	return all
}

// mailRecords are the files beside the mailboxes of a domain.
var mailRecords = []string{"accounts", "quota", "forwarders", "filters"}

// label is what people call the part at path, or "" for what only stands beside one.
func label(kind backup.PartKind, path string) string {
	_, name, _ := strings.Cut(path, "/")
	switch kind {
	case backup.Databases:
		for _, suffix := range []string{".sql", ".sql.gz", ".create", ".tar"} {
			if base, ok := strings.CutSuffix(name, suffix); ok {
				return base
			}
		}
	case backup.Email:
		domain, local, ok := strings.Cut(name, "/")
		if !ok || strings.Contains(local, "/") || slices.Contains(mailRecords, local) {
			return ""
		}
		return local + "@" + domain
	}
	return name
}
