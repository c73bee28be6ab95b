package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/cmd/internal/service/jobs"
)

// box adds a destination for jobs, and gives a directory with accounts.
func (w *world) box() string {
	w.t.Helper()
	w.store = filepath.Join(w.store, "not", "there", "yet")
	w.refused(1, "file does not exist", w.addArgs("box", "--engine", "slots")...)
	w.must(0, w.addArgs("box", "--engine", "slots", "--create-directory")...)
	home := filepath.Join(w.dir, "home")
	for _, name := range []string{"alice", "bob"} {
		if err := os.MkdirAll(filepath.Join(home, name, "public_html"), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name, "public_html", "index.php"), []byte("<?php // "+name), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	return home
}

func TestWrongJobsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := w.box()
	w.must(0, w.addArgs("whm")...)
	ok := []string{"job", "add", "j", "--destination", "box", "--source", home + "/*", "--retention", "3"}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"which command?", []string{"job"}},
		{"NAME is missing", []string{"job", "add"}},
		{"--destination is missing", []string{"job", "add", "j", "--source", "/a", "--retention", "3"}},
		{"--source is missing", []string{"job", "add", "j", "--destination", "box", "--retention", "3"}},
		{"--retention is missing", []string{"job", "add", "j", "--destination", "box", "--source", "/a"}},
		{"backups on it are made by cPanel itself", []string{"job", "add", "j", "--destination", "whm", "--source", "/a", "--retention", "3"}},
		{`destination "nobody": unknown`, []string{"job", "add", "j", "--destination", "nobody", "--source", "/a", "--retention", "3"}},
		{"retention 0", append(ok[:len(ok)-1:len(ok)-1], "0")},
		{`mode "fast"`, append(ok[:len(ok):len(ok)], "--mode", "fast")},
		{`bandwidth "fast"`, append(ok[:len(ok):len(ok)], "--bandwidth", "fast")},
		{"account-name", append(ok[:len(ok):len(ok)], "--account-name", "x")},
		{`unexpected argument "/home/bob"`, []string{"job", "add", "j", "--source", "/home/alice", "/home/bob"}},
		{"no job there", []string{"sync"}},
		{"job j: not in", []string{"sync", "j"}},
		{"job j: not in", []string{"slots", "j"}},
		{"no destination and no job", []string{"verify", "j"}},
		{"job j: not in", []string{"verify", "job:j"}},
		{"job j: not in", []string{"pin", "j", "alice", "1"}},
		{"SLOT is missing", []string{"pin", "j", "alice"}},
		{"job j: not in", []string{"job", "remove", "j", "--yes"}},
	} {
		w.refused(2, c.want, c.args...)
	}
	w.must(0, ok...)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"job j: exists already", ok},
		{"job j writes to it", []string{"destination", "remove", "box", "--yes"}},
		{"give --yes", []string{"job", "remove", "j"}},
		{`slot "x"`, []string{"pin", "j", "alice", "x"}},
		{`account "../x"`, []string{"pin", "j", "../x", "1"}},
		{`--sample "200%"`, []string{"verify", "j", "--sample", "200%"}},
		{"only one of them", []string{"verify", "j", "--sample", "5%", "--full"}},
	} {
		if c.want == "give --yes" {
			if r := w.run(c.args...); r.code != 2 || !strings.Contains(r.err, c.want) {
				t.Errorf("%v: %+v", c.args, r)
			}
			continue
		}
		w.refused(2, c.want, c.args...)
	}
}

func TestJobsAreShownAndRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := w.box()
	r := w.must(0, "job", "add", "nightly", "--destination", "box", "--source", home+"/*", "--retention", "3", "--exclude", "*.log,x", "--exclude", "/tmp/",
		"--before", `echo "a, b"`, "--bandwidth", "10M")
	if !strings.Contains(r.out, "it finds 2 accounts") {
		t.Errorf("added: %s", r.out)
	}
	var listed []jobs.Settings
	if err := json.Unmarshal([]byte(w.must(0, "job", "list", "--json").out), &listed); err != nil || len(listed) != 1 {
		t.Fatalf("list: %v, %v", listed, err)
	}
	if j := listed[0]; len(j.Exclude) != 2 || j.Exclude[0] != "*.log,x" || j.Before != `echo "a, b"` || j.Bandwidth != 10<<20 || j.Retention != 3 {
		t.Errorf("list: %+v", j)
	}
	var shown jobs.Shown
	if err := json.Unmarshal([]byte(w.must(0, "job", "show", "nightly", "--json").out), &shown); err != nil || len(shown.Accounts) != 2 ||
		shown.Accounts[0] != (jobs.ShownAccount{Name: "alice", Source: home + "/alice"}) || shown.Retention != 3 {
		t.Errorf("show: %+v, %v", shown, err)
	}
	if out := w.must(0, "job", "show", "nightly").out; !strings.Contains(out, "2: alice bob") || !strings.Contains(out, "10M bytes per second") {
		t.Errorf("show: %s", out)
	}
	if out := w.must(0, "slots", "nightly").out; strings.Count(out, "\n") != 1 {
		t.Errorf("slots before the first run: %s", out)
	}
	w.must(0, "job", "remove", "nightly", "--yes")
	if out := w.must(0, "job", "list").out; strings.Contains(out, "nightly") {
		t.Errorf("still there: %s", out)
	}
}
