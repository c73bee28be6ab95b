package concern

import (
	"fmt"
	"reflect"
	"testing"

	"slotfs/indexer/backup"
)

// account has so many databases of 1 MB, and a mailbox.
func account(databases int) *Content {
	c := &Content{
		Counts: backup.Counts{backup.Databases: databases, backup.Email: 1, backup.Files: 1000, backup.Cron: 1},
		Parts: &backup.Parts{Grafts: []backup.Graft{
			{Kind: backup.Email, Path: "email/example.com/info"}, {Kind: backup.Email, Path: "email/example.com/accounts"},
			{Kind: backup.Cron, Path: "cron/alice"}, {Kind: backup.Files, Path: "files"},
		}},
		Bytes: 1 << 30, Dumps: map[string]int64{},
	}
	for n := range databases {
		for _, suffix := range []string{".sql", ".create"} {
			path := fmt.Sprintf("databases/alice_%02d%s", n, suffix)
			c.Parts.Grafts = append(c.Parts.Grafts, backup.Graft{Kind: backup.Databases, Path: path})
		}
		c.Dumps[fmt.Sprintf("databases/alice_%02d.sql", n)] = 1 << 20
		c.Dumps[fmt.Sprintf("databases/alice_%02d.create", n)] = 1 << 10
	}
	return c
}

func without(c *Content, kind backup.PartKind) *Content {
	var kept []backup.Graft
	for _, g := range c.Parts.Grafts {
		if g.Kind != kind {
			kept = append(kept, g)
		}
	}
	c.Parts.Grafts, c.Counts[kind] = kept, 0
	return c
}

func TestWhatIsPoorerIsToldInWords(t *testing.T) {
	changed := func(f func(c *Content)) *Content {
		c := account(3)
		f(c)
		return c
	}
	for name, c := range map[string]struct {
		before, now *Content
		want        []backup.Concern
	}{
		"the same":            {account(3), account(3), nil},
		"more":                {account(3), account(4), nil},
		"half of the dumps":   {account(47), account(40), one(backup.PartGone, "databases 47 -> 40: missing alice_40, alice_41, alice_42, alice_43, alice_44 and 2 more")},
		"no mailbox":          {account(3), without(account(3), backup.Email), one(backup.PartGone, "mailboxes 1 -> 0: missing info@example.com")},
		"no cron table":       {account(3), without(account(3), backup.Cron), one(backup.PartGone, "cron tables 1 -> 0: missing alice")},
		"no home":             {account(3), without(account(3), backup.Files), one(backup.PartGone, "the home directory is missing")},
		"half a home":         {account(3), changed(func(c *Content) { c.Counts[backup.Files] = 499 }), one(backup.Shrunk, "entries of the home directory 1000 -> 499")},
		"just half a home":    {account(3), changed(func(c *Content) { c.Counts[backup.Files] = 500 }), nil},
		"half the bytes":      {account(3), changed(func(c *Content) { c.Bytes = 1 << 28 }), one(backup.Shrunk, "bytes of the whole backup 1073741824 -> 268435456")},
		"a dump that is tiny": {account(3), changed(func(c *Content) { c.Dumps["databases/alice_01.sql"] = 1000 }), one(backup.DumpSize, "dumps much smaller: alice_01 (1048576 -> 1000 bytes)")},
		"a tenth of a dump":   {account(3), changed(func(c *Content) { c.Dumps["databases/alice_01.sql"] = 104858 }), nil},
		"a dump that is gone": {account(3), changed(func(c *Content) { delete(c.Dumps, "databases/alice_01.sql") }), one(backup.PartGone, "databases without their dump: alice_01")},
		"now compressed": {account(3), changed(func(c *Content) {
			delete(c.Dumps, "databases/alice_01.sql")
			c.Dumps["databases/alice_01.sql.gz"] = 1 << 19
		}), nil},
		"a small dump that is empty": {changed(func(c *Content) { c.Dumps["databases/alice_01.sql"] = 1000 }), changed(func(c *Content) { c.Dumps["databases/alice_01.sql"] = 0 }),
			one(backup.DumpSize, "dumps much smaller: alice_01 (1000 -> 0 bytes)")},
		"never had anything": {&Content{Parts: &backup.Parts{}}, account(1), nil},
	} {
		if got := Compare(c.before, c.now, DefaultLimits); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func one(kind backup.ConcernKind, text string) []backup.Concern {
	return []backup.Concern{{Kind: kind, Text: text}}
}

func TestNoLimitIsNoConcern(t *testing.T) {
	now := account(3)
	now.Counts[backup.Files], now.Bytes, now.Dumps["databases/alice_00.sql"] = 1, 1, 0
	if got := Compare(account(3), now, Limits{}); got != nil {
		t.Errorf("%+v", got)
	}
}
