package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/sftpdest/sshdtest"
)

// TestOutageBesideAMountIsExitCode5 restores through the process that mounts, which reaches nobody.
func TestOutageBesideAMountIsExitCode5(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	w.must(0, w.addArgs("offsite", "--max-retries", "1")...)
	w.must(0, "index")
	link, err := sshdtest.Proxy(built.sshd.Address(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	w.through(link)
	w.must(0, "mount", "-o", "read_deadline=1s,cache_size=0", w.mnt)
	defer w.must(0, "umount", w.mnt)
	link.Stall()
	files := "offsite/accounts/alice/2026-01-04/files"
	r := w.run("restore", files, filepath.Join(w.dir, "out"))
	lines := strings.Split(strings.TrimSuffix(r.err, "\n"), "\n")
	if r.code != 5 || !strings.Contains(r.err, "slotfs: restore offsite/accounts/alice/") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "slotfs: hint: ") || strings.Count(r.err, "no answer") > 1 {
		t.Errorf("what is told:\n%s", r.err)
	}
	r = w.run("--json", "restore", files, filepath.Join(w.dir, "other"))
	var told errorJSON
	if err := json.Unmarshal([]byte(r.err), &told); err != nil || told.Code != 5 || r.code != 5 {
		t.Errorf("exit code %d, %v\n%s", r.code, err, r.err)
	}
	r = w.run("cat", files+"/public_html/index.php")
	if r.code != 5 {
		t.Errorf("cat: exit code %d\n%s", r.code, r.err)
	}
}

// TestCatOfASnapshotThatIsNotCompleteWarns is about content that nothing proves: it ends as restore does.
func TestCatOfASnapshotThatIsNotCompleteWarns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	archive := filepath.Join(w.store, "2026-01-04", "accounts", "alice.tar.gz")
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(archive, info.Size()-64); err != nil {
		t.Fatal(err)
	}
	w.must(0, w.addArgs("offsite")...)
	w.must(3, "index")
	for _, mounted := range []bool{false, true} {
		if mounted {
			w.mount()
		}
		list := w.must(0, "find", "index.php")
		p, _, _ := strings.Cut(list.out, "\n")
		r := w.must(3, "cat", p, p)
		if !strings.Contains(r.out, "<?php") || strings.Count(r.err, "2026-01-04.truncated is truncated") != 1 {
			t.Errorf("mounted %v:\n%s%s", mounted, r.out, r.err)
		}
		r = w.must(3, "--json", "cat", p)
		var told errorJSON
		if err := json.Unmarshal([]byte(r.err), &told); err != nil || !strings.Contains(told.Warning, "truncated") {
			t.Errorf("mounted %v: %v\n%s", mounted, err, r.err)
		}
		w.must(0, "cat", strings.TrimSuffix(p[:strings.Index(p, ".truncated")], "/")+".truncated/snapshot.json")
	}
}
