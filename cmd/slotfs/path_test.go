package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oddNames are names that cannot be printed as they are, or look like those that cannot.
var oddNames = []string{"caf\xe9.odd", "می‌خواهم.odd", "👩‍💻.odd", "tab\there.odd", `tab\there.odd`, `back\slash.odd`, "new\nline.odd", "\x1b[2J.odd", `\x41.odd`,
	`$'x'.odd`, " .odd"}

func TestEveryPathThatFindPrintsCanBeGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := filepath.Join(w.dir, "src", "2026-01-05", "alice", "homedir", "odd")
	w.account(filepath.Join(w.dir, "src", "2026-01-05"), "alice", "x")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range oddNames {
		if err := os.WriteFile(filepath.Join(home, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.pack("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	look := func(mounted string) {
		t.Helper()
		var names []string
		for p := range strings.Lines(w.must(0, "find", "*.odd").out) {
			names = append(names, w.must(0, "cat", strings.TrimSuffix(p, "\n")).out)
		}
		wantNames(t, names)
		names = nil
		for p := range strings.SplitSeq(strings.TrimSuffix(w.must(0, "find", "--print0", "*.odd").out, "\x00"), "\x00") {
			to := filepath.Join(t.TempDir(), "x")
			w.must(0, "restore", "--literal", p, to)
			data, err := os.ReadFile(to)
			if err != nil || w.must(0, "cat", "--literal", p).out != string(data) {
				t.Errorf("%q: %v", p, err)
			}
			names = append(names, string(data))
		}
		wantNames(t, names)
		names = nil
		for _, m := range inJSON(t, w.must(0, "--json", "find", "*.odd").out) {
			names = append(names, strings.TrimPrefix(m, "offsite/accounts/alice/2026-01-05/files/odd/"))
		}
		wantNames(t, names)
		wantNames(t, inJSON(t, w.must(0, "--json", "ls", "offsite/accounts/alice/latest/files/odd").out))
		escaped := `offsite/accounts/alice/latest/files/odd/caf\xe9.odd`
		w.must(0, "versions", escaped)
		w.must(0, "diff", escaped, escaped)
		w.must(0, "ls", escaped)
		for _, p := range mountedForms(mounted) {
			if r := w.must(0, "cat", p+`/latest/files/odd/tab\\there.odd`); r.out != `tab\there.odd` {
				t.Errorf("%s: %q", p, r.out)
			}
			w.must(0, "versions", p+`/latest/files/odd/new\nline.odd`)
			if r := w.must(0, "find", "index.php", p+"/latest"); r.out != "offsite/accounts/alice/2026-01-05/files/public_html/index.php\n" {
				t.Errorf("%s: %q", p, r.out)
			}
		}
		w.refused(1, "no such path", "find", "index.php", "offsite/accounts/alice/2026-01-06")
		w.refused(1, "no such path", "find", "index.php", "/nowhere/accounts/alice/latest")
		w.refused(1, "nothing has such a name", "find", "no-such-name", "offsite/accounts/alice/latest")
	}
	look("/some/where")
	w.mount()
	link := filepath.Join(w.dir, "link")
	if err := os.Symlink(w.mnt, link); err != nil {
		t.Fatal(err)
	}
	look(w.mnt)
	look(link)
	c := w.command("cat", "alice/latest/files/odd/ .odd")
	c.Dir = filepath.Join(w.mnt, "offsite/accounts")
	if r := w.finish(c); r.out != " .odd" {
		t.Errorf("%+v", r)
	}
}

func mountedForms(mounted string) []string {
	const p = "/offsite/accounts/alice"
	return []string{p, p[1:], mounted + p, mounted + "/../" + filepath.Base(mounted) + p + "/"}
}

func wantNames(t *testing.T, got []string) {
	t.Helper()
	want := slices.Clone(oddNames)
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("there is\n%q\nwant\n%q", got, want)
	}
}

// inJSON are the exact names or paths of a list.
func inJSON(t *testing.T, text string) []string {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var names []string
	for _, m := range all {
		for _, key := range []string{"path", "name"} {
			name, _ := m[key].(string)
			if coded, ok := m[key+"_base64"].(string); ok {
				raw, err := base64.StdEncoding.DecodeString(coded)
				if err != nil {
					t.Error(err)
				}
				name = string(raw)
			}
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}
