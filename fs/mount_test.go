package fs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/fs/fstest"
	"slotfs/indexer/backup"
)

func accountParts() *backup.Parts {
	return &backup.Parts{Full: "alice", Grafts: []backup.Graft{
		{Kind: backup.Files, Path: "files", From: "alice/homedir"},
		{Kind: backup.Email, Path: "email/example.com/info", From: "alice/homedir/mail/example.com/info"},
		{Kind: backup.Config, Path: "config/account", From: "alice/cp/alice"},
		{Kind: backup.Config, Path: "config/made", Content: []byte("made\n")},
	}}
}

// local mounts one snapshot of a local directory and returns its directory.
func local(t *testing.T, dir string) string {
	w := fstest.NewWorld()
	w.AddLocal(t, fstest.Source("alice", "2026-01-05"), accountParts(), dir, "alice")
	_, mnt := mount(t, config(w))
	return filepath.Join(mnt, "box/accounts/alice/latest")
}

func TestFullIsTheSourceToFind(t *testing.T) {
	dir := difficult(t)
	full := local(t, dir) + "/full"
	const format = `%y %m %U %G %s %T@ %n %l %p\0`
	list := func(at string) []string {
		out := strings.Split(run(t, "find", at+"/.", "-not", "-type", "d", "-printf", strings.ReplaceAll(format, "%p", "%P")), "\x00")
		return sorted(append(out, strings.Split(run(t, "find", at+"/.", "-type", "d", "-printf", strings.NewReplacer("%p", "%P", "%s", "").Replace(format)), "\x00")...))
	}
	want, got := list(dir), list(full)
	if len(want) < 20 {
		t.Fatalf("only %d entries to compare", len(want))
	}
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			t.Errorf("source %q\nmount  %q", want[i], got[i])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
}

func TestFullIsTheSourceToRsync(t *testing.T) {
	dir := difficult(t)
	full := local(t, dir) + "/full"
	for _, way := range [][2]string{{dir, full}, {full, dir}} {
		out := run(t, "rsync", "-aHAXcn", "--itemize-changes", "--delete", way[0]+"/", way[1]+"/")
		if out != "" {
			t.Errorf("rsync %s -> %s would change:\n%s", way[0], way[1], out)
		}
	}
}

func TestCopyRestoresEverything(t *testing.T) {
	dir := difficult(t)
	full := local(t, dir) + "/full"
	to := t.TempDir()
	run(t, "cp", "-a", full, to+"/cp")
	run(t, "sh", "-c", `mkdir "$2/tar" && tar -C "$1" --xattrs --acls -cf - . | tar -C "$2/tar" --xattrs --acls -xpf -`, "sh", full, to)
	for _, copied := range []string{to + "/cp", to + "/tar"} {
		if out := run(t, "rsync", "-aHAXcn", "--itemize-changes", "--delete", dir+"/", copied+"/"); out != "" {
			t.Errorf("%s differs:\n%s", copied, out)
		}
	}
}

func TestPartsAreShown(t *testing.T) {
	snapshot := local(t, difficult(t))
	names, err := os.ReadDir(snapshot)
	must(t, err)
	var got []string
	for _, n := range names {
		got = append(got, n.Name())
	}
	if want := "archive config email files full snapshot.json"; strings.Join(got, " ") != want {
		t.Errorf("snapshot has %v, want %s", got, want)
	}
	for path, want := range map[string]string{
		"config/made":                      "made\n",
		"config/account":                   "DNS=example.com\n",
		"email/example.com/info/cur/1:2,S": "Subject: hello\n",
	} {
		data, err := os.ReadFile(filepath.Join(snapshot, path))
		if err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	run(t, "cmp", snapshot+"/files/plain", snapshot+"/full/homedir/plain")
	// The kernel refuses a directory that it meets at two places.
	for range 2 {
		run(t, "find", snapshot+"/", "-ls")
	}
}
