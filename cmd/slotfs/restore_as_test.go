package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"slotfs/cmd/internal/service/restores"
)

const (
	aliceUID = 30001
	bobUID   = 30002
)

// users is a world that has users of its own, in files that commands see in /etc.
func (w *world) users(lines ...string) {
	w.t.Helper()
	text := "root:x:0:0::/root:/bin/sh\n" + strings.Join(lines, "\n") + "\n"
	var groups strings.Builder // everybody has one of his own
	for line := range strings.Lines(text) {
		f := strings.Split(line, ":")
		groups.WriteString(f[0] + ":x:" + f[3] + ":\n")
	}
	if err := errors.Join(os.MkdirAll(w.dir+"/machine", 0o755), os.WriteFile(w.dir+"/machine/passwd", []byte(text), 0o644),
		os.WriteFile(w.dir+"/machine/group", []byte(groups.String()), 0o644), os.Chmod(filepath.Dir(w.dir), 0o755), os.Chmod(w.dir, 0o755)); err != nil {
		w.t.Fatal(err)
	}
}

// among runs slotfs among the users of the world.
func (w *world) among(args ...string) result {
	w.t.Helper()
	return w.finish(w.amongCommand(args...))
}

// amongCommand prepares slotfs among the users of the world.
func (w *world) amongCommand(args ...string) *exec.Cmd {
	w.t.Helper()
	c := w.command(args...)
	c.Args = append([]string{"unshare", "-m", "sh", "-c", `mount --bind "$0/machine" /etc && { [ ! -d "$0/spool" ] || mount --bind "$0/spool" /var/spool/cron; } && { [ ! -d "$0/local" ] || mount --bind "$0/local" /usr/local; } && exec "$@"`, w.dir, built.program}, c.Args[1:]...)
	path, err := exec.LookPath("unshare")
	if err != nil {
		w.t.Fatal(err)
	}
	c.Path = path
	return c
}

// give makes a directory of a user's.
func give(t *testing.T, dir string, uid int) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chown(dir, uid, uid)); err != nil {
		t.Fatal(err)
	}
}

func TestRestoreIntoAHomeIsDoneWithTheRightsOfItsUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	home, victim := filepath.Join(w.dir, "home/alice"), filepath.Join(w.dir, "victim")
	give(t, home, aliceUID)
	give(t, home+"/real", aliceUID)
	give(t, filepath.Join(w.dir, "home/bob"), bobUID)
	give(t, victim, 0)
	for name, target := range map[string]string{"evil": victim, "www": "real"} {
		if err := errors.Join(os.Symlink(target, filepath.Join(home, name)), os.Lchown(filepath.Join(home, name), aliceUID, aliceUID)); err != nil {
			t.Fatal(err)
		}
	}
	w.users("alice:x:30001:30001::"+home+":/bin/sh", "bob:x:30002:30002::"+w.dir+"/home/bob:/bin/sh", "service:x:999:999::"+w.dir+"/home:/bin/false")
	const file = "offsite/accounts/alice/latest/files/public_html/index.php"
	owner := func(p string) int {
		t.Helper()
		info, err := os.Lstat(filepath.Join(home, p))
		if err != nil {
			t.Error(err)
			return -1
		}
		return int(info.Sys().(*syscall.Stat_t).Uid)
	}
	look := func(n string) {
		t.Helper()
		var said restores.Report
		r := w.among("--json", "restore", "offsite/accounts/alice/latest/files/", home+"/new"+n)
		if err := json.Unmarshal([]byte(r.out), &said); err != nil || r.code != 0 || said.As != "alice" || said.Files == 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if got := owner("new" + n + "/public_html/index.php"); got != aliceUID {
			t.Errorf("the file belongs to %d", got)
		}
		if r := w.among("restore", file, home+"/www/"+n); r.code != 0 || owner("real/"+n) != aliceUID { // her own link
			t.Errorf("%+v", r)
		}
		if r := w.among("restore", file, home+"/evil"); r.code != 1 || !strings.Contains(r.err, "permission denied") {
			t.Errorf("%+v", r)
		}
		if r := w.among("restore", "--as", "root", file, home+"/evil"); r.code != 1 || !strings.Contains(r.err, "is a link that others than root can change") {
			t.Errorf("%+v", r)
		}
		if r := w.among("restore", "--as", "root", file, home+"/root"+n); r.code != 0 || owner("root"+n) != 0 { // the owner is that of the backup
			t.Errorf("%+v", r)
		}
		if r := w.among("restore", "--as", "bob", file, home); r.code != 1 || !strings.Contains(r.err, "permission denied") {
			t.Errorf("%+v", r)
		}
		if r := w.among("restore", "--as", strconv.Itoa(aliceUID)+":"+strconv.Itoa(aliceUID), file, home+"/by-number"+n); r.code != 0 || owner("by-number"+n) != aliceUID {
			t.Errorf("%+v", r)
		}
		if r := w.among("restore", "--as", "carol", file, home); r.code != 2 || !strings.Contains(r.err, "no such user") {
			t.Errorf("%+v", r)
		}
		if left, err := os.ReadDir(victim); err != nil || len(left) > 0 {
			t.Errorf("behind the link there is %v, %v", left, err)
		}
	}
	look("1")
	w.mount()
	look("2")
}
