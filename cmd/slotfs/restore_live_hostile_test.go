package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestSomebodyWhoExchangesDirectoriesWhileTheyAreRestoredGainsNothing has another user, who may write in one directory of the home, put links
// in the place of directories in it while files are restored there.
func TestSomebodyWhoExchangesDirectoriesWhileTheyAreRestoredGainsNothing(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	for _, name := range []string{"shared/x/authorized_keys", "shared/x/deep/authorized_keys"} {
		write(t, a.src+"/homedir/"+name, "evil")
	}
	for _, p := range []string{a.home + "/.ssh/authorized_keys", a.home + "/.ssh/deep/authorized_keys", a.dir + "/outside/authorized_keys"} {
		write(t, p, "precious")
	}
	write(t, a.home+"/shared/x/deep/authorized_keys", "live")
	a.ready()
	if err := errors.Join(os.Chmod(a.home+"/shared", 0o777), os.Chmod(a.dir+"/home", 0o755), os.Chmod(a.home, 0o755)); err != nil {
		t.Fatal(err)
	}
	bob := exec.Command("setpriv", "--reuid", "30002", "--regid", "30002", "--clear-groups", "sh", "-c",
		`while :; do mv x y; ln -s ../.ssh x; rm x; ln -s "$0" x; rm x; [ -e y ] && mv -T y x; done 2>/dev/null`, a.dir+"/outside")
	bob.Dir = a.home + "/shared"
	if err := bob.Start(); err != nil {
		t.Fatal(err)
	}
	undo := map[string]bool{}
	for range 6 {
		for _, p := range []string{"files/shared", "files/shared/x/authorized_keys", "files/shared/x/deep"} {
			r := a.among("restore", "--live", liveSnapshot+p) // it may fail: the way is not there
			if _, id, ok := strings.Cut(r.out, "--undo "); ok {
				undo[strings.TrimSpace(id)] = true
			}
		}
	}
	for id := range undo {
		_ = a.among("restore", "--undo", id)
	}
	if err := errors.Join(bob.Process.Signal(syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	_ = bob.Wait() // it was killed
	for _, p := range []string{a.home + "/.ssh/authorized_keys", a.home + "/.ssh/deep/authorized_keys", a.dir + "/outside/authorized_keys"} {
		if data, err := os.ReadFile(p); err != nil || string(data) != "precious" {
			t.Errorf("%s: %q, %v", p, data, err)
		}
	}
	for _, dir := range []string{a.home + "/.ssh", a.dir + "/outside"} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 2 {
			t.Errorf("%s has %v, %v", dir, entries, err)
		}
	}
	if len(undo) == 0 {
		t.Error("nothing was restored at all")
	}
}
