package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFindSeesEachMatchOnceWithAndWithoutAMount(t *testing.T) {
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
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	look := func() {
		t.Helper()
		var all []versionJSON
		r := w.must(0, "versions", "--json", "offsite/accounts/alice/latest/files/public_html/index.php")
		if err := json.Unmarshal([]byte(r.out), &all); err != nil || len(all) != 2 || !all[0].Changed || all[1].Changed {
			t.Errorf("versions: %+v, %v", all, err)
		}
		w.refused(1, "no such file", "versions", "offsite/accounts/alice/latest/files/nothing")
		w.refused(2, "no path in a snapshot", "versions", "offsite/accounts/alice/latest")
	}
	look()
	w.mount()
	look()
}

func TestSplitVersioned(t *testing.T) {
	for p, want := range map[string]string{
		"d/accounts/a/2026-01-05/files/x":            "d/accounts/a files/x",
		"d/srv/1/accounts/a/latest/files/accounts/x": "d/srv/1/accounts/a files/accounts/x",
		"d/srv/system/2026-01-05/files/accounts/b":   "d/srv/system files/accounts/b",
	} {
		above, below, err := splitVersioned(p)
		if err != nil || above+" "+below != want {
			t.Errorf("%s: %q %q %v", p, above, below, err)
		}
	}
	for _, p := range []string{"", "d", "accounts/a/b/c/d", "d/accounts/a/s", "d/system/s"} {
		if above, below, err := splitVersioned(p); err == nil {
			t.Errorf("%s: %q %q", p, above, below)
		}
	}
}

func TestNumbersRememberWhatWasAdded(t *testing.T) {
	s := numbers{}
	for _, n := range []uint64{0, 1, 63, 64, 1023, 1024, 1 << 40, 1<<40 + 1} {
		if !s.add(n) || s.add(n) {
			t.Errorf("%d is not remembered once", n)
		}
	}
	if len(s) != 3 {
		t.Errorf("%d blocks", len(s))
	}
}
