package slots_test

import (
	"io/fs"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/engine/slots"
	"slotfs/indexer/engine/slots/slottest"
	"slotfs/indexer/tree"
	"slotfs/indexer/tree/treetest"
)

// describe makes a tree of "name" and "name/", owned by 1001 but for what was staged, and describes it as a slot of alice.
func describe(t *testing.T, names string, stager uint32) engine.Description {
	t.Helper()
	return describeWith(t, names, stager, func(string) ([]byte, error) { return nil, fs.ErrNotExist })
}

func describeWith(t *testing.T, names string, stager uint32, read engine.ReadFunc) engine.Description {
	t.Helper()
	store := treetest.NewStore()
	b := tree.NewBuilder(store, backup.Entry{})
	for _, name := range append([]string{"/"}, strings.Fields(names)...) {
		uid := uint32(1001)
		if strings.HasPrefix(name, ".slotfs-staged") {
			uid = stager
		}
		m := slottest.File(name, "x", uid)
		if path, ok := strings.CutSuffix(name, "/"); ok {
			m = slottest.Dir(path, uid)
		}
		if _, err := b.Add(t.Context(), m.Path, m.Entry.Entry, 0); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &backup.Source{Origin: "nightly", Account: "alice", Kind: backup.Slot, Name: "2026-01-05T020000",
		Files: []backup.File{{Path: "nightly/alice/slot-01/data"}}}
	d, err := slots.New().Describe(t.Context(), s, tree.New(store, root, tree.NewCache(1<<20)), read)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPartsFollowTheShapeOfTheData(t *testing.T) {
	for name, c := range map[string]struct{ names, want string }{
		"account": {"cp/alice homedir/a mysql/alice_db.sql userdata/main", "files=homedir databases/alice_db.sql=mysql/alice_db.sql"},
		"home": {"public_html/index.php mail/example.com/info/cur/1 etc/example.com/passwd a",
			"files= email/example.com/info=mail/example.com/info"},
		"plain":                     {"a b/c", "files="},
		"staged":                    {"a .slotfs-staged/ .slotfs-staged/shop.sql .slotfs-staged/b.dump.gz .slotfs-staged/readme", "files= databases/b.dump.gz=.slotfs-staged/b.dump.gz databases/shop.sql=.slotfs-staged/shop.sql"},
		"empty":                     {"", "files="},
		"hidden account":            {"b/cp/bob b/homedir/x b/userdata/main", "files="},
		"account of a customer":     {"public_html/x cp/bob homedir/y userdata/main", "files="},
		"site of somebody in a www": {"srv/www/public_html/index.php", "files="},
	} {
		d := describe(t, c.names, 0)
		var got []string
		for _, g := range d.Parts.Grafts {
			got = append(got, g.Path+"="+g.From)
		}
		for _, want := range strings.Fields(c.want) {
			if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+want+" ") {
				t.Errorf("%s: %q is missing in %q", name, want, got)
			}
		}
		whole := 0
		for _, g := range d.Parts.Grafts {
			if g.Kind == backup.Files {
				whole++
			}
		}
		if d.Status != "" || d.Account != "" || d.Parts.Full != "" || whole != 1 {
			t.Errorf("%s: status %q, account %q, full %q, %d grafts of files", name, d.Status, d.Account, d.Parts.Full, whole)
		}
		if d.Owner == nil || d.Owner.UID != 1001 {
			t.Errorf("%s: owner %v", name, d.Owner)
		}
	}
}

func TestStagedDirectoryOfACustomerHasNoDatabases(t *testing.T) {
	for _, g := range describe(t, ".slotfs-staged/ .slotfs-staged/x.sql", 1001).Parts.Grafts {
		if g.Kind == backup.Databases {
			t.Errorf("%+v", g)
		}
	}
}

func TestDumpsBesideTheSourceThatEndEarlyAreConcerns(t *testing.T) {
	const head = "-- MariaDB dump 10.19\n"
	ends := map[string]string{"whole.sql": head + "-- Dump completed\n", "cut.sql": head + "INSERT", "whole.sql.gz": head + "-- Dump completed\n", "cut.sql.zst": head}
	names := ""
	for name := range ends {
		names += " .slotfs-staged/" + name
	}
	d := describeWith(t, ".slotfs-staged/ .slotfs-staged/unread.sql .slotfs-staged/other.dump.xz"+names, 0, func(path string) ([]byte, error) {
		content, ok := ends[strings.TrimPrefix(path, ".slotfs-staged/")]
		if want := slots.New().Wants(path, 1<<20); !ok || want.Unpacked == strings.HasSuffix(path, ".sql") {
			return nil, fs.ErrNotExist
		}
		return []byte(content), nil
	})
	if len(d.Concerns) != 1 || d.Concerns[0].Text != "dumps without their end: cut.sql, cut.sql.zst" {
		t.Errorf("%+v", d.Concerns)
	}
}
