package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/service/browse"
)

func TestFindSeesEachMatchOnceWithAndWithoutAMount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	w.backup("alice", "2026-01-05")
	w.backup("bob", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	look := func() {
		t.Helper()
		for _, c := range []struct {
			args []string
			want string
		}{
			{[]string{"index.php"}, `offsite/accounts/alice/2026-01-04/files/public_html/index.php
offsite/accounts/alice/2026-01-05/files/public_html/index.php
offsite/accounts/bob/2026-01-05/files/public_html/index.php
`},
			{[]string{"--latest", "*_shop.s?l", "offsite/accounts/alice"}, "offsite/accounts/alice/2026-01-05/databases/alice_shop.sql\n"},
			{[]string{"userdata", "offsite/accounts/alice/2026-01-04/full"}, "offsite/accounts/alice/2026-01-04/full/userdata\n"},
			{[]string{"index.php", "offsite/accounts/bob/2026-01-05/full"}, "offsite/accounts/bob/2026-01-05/full/homedir/public_html/index.php\n"},
		} {
			if r := w.must(0, append([]string{"find"}, c.args...)...); r.out != c.want {
				t.Errorf("find %v:\n%swant\n%s", c.args, r.out, c.want)
			}
		}
		w.refused(1, "nothing has such a name", "find", "no-such-name")
		w.refused(2, "pattern", "find", "[")
		w.refused(2, "PATTERN is missing", "find")
		if r := w.must(0, "find", "--json", "cp"); strings.Count(r.out, `"type": "directory"`) != 3 {
			t.Errorf("find --json says\n%s", r.out)
		}
	}
	look()
	w.mount()
	look()
}

func TestVersionsTellWhereAFileChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, day := range []string{"2026-01-03", "2026-01-04", "2026-01-05"} {
		w.backup("alice", day)
	}
	// The second day's file is the first one's; on the third day there is none.
	src := filepath.Join(w.dir, "src")
	when := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	for _, day := range []string{"2026-01-03", "2026-01-04"} {
		if err := os.Chtimes(filepath.Join(src, day, "alice/homedir/public_html/index.php"), when, when); err != nil {
			t.Fatal(err)
		}
		w.pack("alice", day)
	}
	if err := os.Remove(filepath.Join(src, "2026-01-05", "alice/homedir/public_html/index.php")); err != nil {
		t.Fatal(err)
	}
	w.pack("alice", "2026-01-05")
	w.backup("bob", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	look := func() {
		t.Helper()
		var all []browse.Version
		r := w.must(0, "versions", "--json", "offsite/accounts/alice/latest/files/public_html/index.php")
		if err := json.Unmarshal([]byte(r.out), &all); err != nil || len(all) != 2 || !all[0].Changed || !all[0].First || all[1].Changed || all[1].First {
			t.Errorf("versions: %+v, %v", all, err)
		}
		if r := w.must(0, "versions", "offsite/accounts/alice/latest/files/public_html/index.php"); !strings.Contains(r.out, "first version") || strings.Contains(r.out, "changed") {
			t.Errorf("versions:\n%s", r.out)
		}
		if r := w.must(0, "versions", "offsite/accounts/bob/latest/files/public_html/index.php"); !strings.Contains(r.out, "only version") {
			t.Errorf("a path that one snapshot has:\n%s", r.out)
		}
		w.refused(1, "no such file", "versions", "offsite/accounts/alice/latest/files/nothing")
		w.refused(2, "no path in a snapshot", "versions", "offsite/accounts/alice/latest")
	}
	look()
	w.mount()
	look()
}
