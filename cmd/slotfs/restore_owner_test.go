package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slotfs/cmd/internal/service/restores"
)

// ownedBackup puts an archive of alice into the store whose members have the owners of another machine.
func (w *world) ownedBackup() {
	w.t.Helper()
	w.account(w.dir, "alice", "x")
	home := filepath.Join(w.dir, "alice/homedir")
	owners := map[string][2]string{"hers": {"alice:1001", "alice:1001"}, "bobs": {"bob:1002", "bob:1002"}, "carols": {"carol:1003", "alice:1001"},
		"group": {"alice:1001", "nowhere:1100"}, "nameless": {":5555", ":5555"}, "taken": {":4242", ":4242"}, "system": {"daemon:7", "mail:9"}, "roots": {"root:0", "root:0"}}
	archive := filepath.Join(w.store, "2026-01-05/accounts/alice.tar")
	script := []string{"set -e; mkdir -p " + filepath.Dir(archive), "tar -C " + w.dir + " --numeric-owner --owner=:1001 --group=:1001 -cf " + archive + " alice"}
	for name, owner := range owners {
		if err := os.WriteFile(filepath.Join(home, name), []byte(name), 0o664); err != nil {
			w.t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(home, name), 0o664); err != nil {
			w.t.Fatal(err)
		}
		numeric := ""
		if strings.HasPrefix(owner[0], ":") {
			numeric, owner[0], owner[1] = "--numeric-owner", strings.TrimPrefix(owner[0], ":"), strings.TrimPrefix(owner[1], ":")
		}
		script = append(script, fmt.Sprintf("tar -C %s %s --owner=%s --group=%s -rf %s alice/homedir/%s", w.dir, numeric, owner[0], owner[1], archive, name))
	}
	if out, err := exec.Command("sh", "-c", strings.Join(script, "\n")).CombinedOutput(); err != nil {
		w.t.Fatalf("tar: %v\n%s", err, out)
	}
}

func TestRestoreGivesFilesToThoseOfTheSameNameHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ownedBackup()
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	// Everybody has somebody else's number here.
	w.users("alice:x:1002:1002::/none/alice:/bin/sh", "bob:x:1001:1001::/none/bob:/bin/sh", "dave:x:1003:1003::/none/dave:/bin/sh", "eve:x:4242:4242::/none/eve:/bin/sh",
		"daemon:x:1:1::/none/daemon:/bin/sh", "mail:x:8:8::/none/mail:/bin/sh")
	byName := map[string]string{"hers": "1002:1002 664", "bobs": "1001:1001 664", "carols": "0:0 600", "group": "1002:0 604", "nameless": "5555:5555 664",
		"taken": "0:0 600", "system": "1:8 664", "roots": "0:0 664"}
	byNumber := map[string]string{"hers": "1001:1001 664", "bobs": "1002:1002 664", "carols": "1003:1001 664", "group": "1001:1100 664", "nameless": "5555:5555 664",
		"taken": "4242:4242 664", "system": "7:9 664", "roots": "0:0 664"}
	check := func(want map[string]string, args ...string) {
		t.Helper()
		to := filepath.Join(t.TempDir(), "to")
		r := w.among(append(append([]string{"--json", "restore"}, args...), to)...)
		var said restores.Report
		if err := json.Unmarshal([]byte(r.out), &said); err != nil || r.code != 0 {
			t.Fatalf("%v: %+v", args, r)
		}
		for name, owner := range want {
			info, err := os.Stat(filepath.Join(to, name))
			if err != nil {
				t.Error(err)
				continue
			}
			st := info.Sys().(*syscall.Stat_t)
			if got := fmt.Sprintf("%d:%d %o", st.Uid, st.Gid, info.Mode().Perm()); got != owner {
				t.Errorf("%v: %s is %s, want %s", args, name, got, owner)
			}
		}
	}
	files, full := "offsite/accounts/alice/latest/files/", "offsite/accounts/alice/latest/full/homedir/"
	look := func() {
		t.Helper()
		check(byName, files)
		check(byName, full)
		check(byNumber, "--numeric-owner", full)
	}
	look()
	check(byNumber, "--numeric-owner", files)
	byMap := maps.Clone(byName)
	byMap["carols"], byMap["taken"], byMap["group"] = "1003:1002 664", "1003:1003 664", "1002:1003 664"
	check(byMap, "--map-owner", "carol:dave", "--map-owner", "4242:dave", "--map-owner", "nowhere:dave", files)
	w.refused(2, "no user and no group nobody-there", "restore", "--map-owner", "carol:nobody-there", files, w.dir+"/to")
	w.refused(2, "want OLD:NEW", "restore", "--map-owner", "carol", files, w.dir+"/to")
	w.mount()
	look()
	check(byNumber, "--numeric-owner", files)
}
