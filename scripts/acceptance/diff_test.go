package acceptance

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDiffTellsWhatChangedWithAndWithoutAMount(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := nastyAccount(t, "alice", false)
	home := filepath.Join(parent, "alice", "homedir")
	pack := func(day, script string) {
		run(t, `mkdir -p "$3"; `+script, parent, "alice", filepath.Join(h.store, day, "accounts"))
	}
	archive, tree := packers[1].script, packers[6].script
	pack("2026-01-04", archive)
	run(t, `cp -a "$1/2026-01-04" "$1/2026-01-03"`, h.store)
	run(t, `
cd "$1"; touch -r . ../../ref
mkdir new; echo x >"new/with`+"\x01\n"+`break"; echo more >>public_html/index.php; chmod 600 attributes; chown 7:8 block+1
ln -sfn elsewhere www; rm pipe; echo now a file >pipe; rm -r deep; touch random; setfattr -n user.comment -v other links/first
touch -r ../../ref . public_html links`, home)
	pack("2026-01-05", archive)
	pack("2026-01-06", tree)
	h.add("d")
	h.must("index", "d")
	const account = "d/accounts/alice/"
	want := []string{
		"+ files/new/", "+ files/new/with\\x01\\nbreak", "- files/deep/", "~ files/attributes  (mode 0674 -> 0600, attributes)",
		"~ files/block+1  (owner 5000000:6000000 -> 7:8)", "~ files/pipe  (type fifo -> file, time)", "~ files/public_html/index.php  (content 6 -> 11 bytes, time)",
		"~ files/random  (time)", "~ files/www  (time, target public_html -> elsewhere)",
	}
	look := func() {
		t.Helper()
		out := h.must("diff", account+"2026-01-04", account+"2026-01-05")
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		for _, line := range want {
			if !slices.ContainsFunc(lines, func(l string) bool {
				return l == line || strings.HasPrefix(line, "~") && strings.HasPrefix(l, strings.SplitAfter(line, "(")[0])
			}) {
				t.Errorf("%q is missing from\n%s", line, out)
			}
		}
		for _, line := range lines {
			if strings.Contains(line, "full/") || strings.Contains(line, "archive") || strings.Contains(line, "snapshot.json") || strings.ContainsAny(line, "\x01\r") {
				t.Errorf("unexpected: %q", line)
			}
		}
		if n := strings.Count(out, "- files/deep/"); n != 31 {
			t.Errorf("%d lines about what went, want 31", n)
		}
		if out := h.must("diff", "--exit-code", account+"2026-01-03", account+"2026-01-04"); out != "" {
			t.Errorf("equal snapshots differ:\n%s", out)
		}
		if r := h.slotfs("diff", "--exit-code", account+"2026-01-04/files/www", account+"2026-01-05/files/random"); r.code != 1 || !strings.HasPrefix(r.stdout, "~ .  (type directory -> file, mode 0755 -> 0644") {
			t.Errorf("%+v", r)
		}
		out = h.must("diff", "--content", account+"2026-01-04/files/random", account+"latest/files/random")
		if out != "" && out != "~ .  (time)\n" {
			t.Errorf("random: %q", out)
		}
		var all []struct{ Path, Change string }
		if err := json.Unmarshal([]byte(h.must("--json", "diff", account+"2026-01-04/files/new-is-not-there/..", account+"2026-01-05/files")), &all); err != nil || len(all) < 30 {
			t.Errorf("%d differences, %v", len(all), err)
		}
		for _, c := range []struct {
			code int
			args []string
		}{{2, []string{"d", "d"}}, {2, []string{account + "latest"}}, {1, []string{account + "latest", account + "no"}}} {
			if r := h.slotfs(append([]string{"diff"}, c.args...)...); r.code != c.code || strings.Count(r.stderr, "\n") > 2 {
				t.Errorf("%v: %+v", c.args, r)
			}
		}
	}
	look()
	direct := h.must("diff", account+"2026-01-04", account+"2026-01-05")
	// An archive and a tree of the same files differ in what a destination tells of trees only.
	kinds := h.must("diff", account+"2026-01-05/files", account+"2026-01-06/files")
	if strings.Contains(kinds, "content") || strings.Contains(kinds, "type") || strings.Contains(kinds, "target") {
		t.Errorf("archive and tree:\n%s", kinds)
	}
	h.mount()
	look()
	equal(t, "diffs with and without a mount", direct, h.must("diff", account+"2026-01-04", account+"2026-01-05"))
	equal(t, "diffs of kinds", kinds, h.must("diff", account+"2026-01-05/files", account+"2026-01-06/files"))
}
