package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/sshdtest"
)

func TestSettingsAreChangedOnceTheyWereTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(0, w.addArgs("a")...)
	comment := "# kept\n"
	data, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.config, append([]byte(comment), data...), 0o600); err != nil {
		t.Fatal(err)
	}
	before := func() string {
		data, err := os.ReadFile(w.config)
		if err != nil || !strings.HasPrefix(string(data), comment) {
			t.Errorf("%v\n%s", err, data)
		}
		return string(data)
	}
	was := before()
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "want KEY=VALUE", []string{"port"}}, {2, "no such setting", []string{"prot=22"}}, {2, "no such value", []string{"port=x"}},
		{2, "port 70000", []string{"port=70000"}}, {2, "cannot be changed", []string{"engine=slots"}}, {2, "host is missing", []string{"host="}},
		{5, "connection refused", []string{"port=1"}}, {6, "authentication refused", []string{"username=no-such-user"}},
		{1, "does not exist", []string{"directory=/no/such"}},
	} {
		w.refused(c.code, c.want, append([]string{"destination", "set", "a"}, c.args...)...)
	}
	w.refused(2, "destination nobody", "destination", "set", "nobody", "port=22")
	if now := before(); now != was {
		t.Errorf("what failed changed\n%s", now)
	}
	w.must(0, "destination", "set", "a", "max-retries=9", "connection-timeout=1m", "reindex=every 6h", "directory="+w.store)
	for _, want := range []string{"max-retries = 9\n", `connection-timeout = "1m0s"`, `reindex = "every 6h"`} {
		if now := before(); !strings.Contains(now, want) {
			t.Errorf("no %q in\n%s", want, now)
		}
	}
	w.must(0, "destination", "set", "a", "max-retries=", "--untested", "port=1")
	if now := before(); strings.Contains(now, "max-retries") || !strings.Contains(now, "port = 1\n") {
		t.Errorf("%s", now)
	}
}

func TestServerThatMovedIsAcceptedAfterItsKeyWasShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(0, w.addArgs("a")...)
	moved, err := sshdtest.Start(sshdtest.Options{Config: "AuthorizedKeysFile " + built.sshd.Identity + ".pub\n"})
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Close()
	if err := writePublic(built.sshd.Identity); err != nil {
		t.Fatal(err)
	}
	port := "port=" + strconv.Itoa(moved.Port)
	w.refused(6, "host key", "destination", "set", "a", port)
	if r := w.must(0, "destination", "set", "a", port, "--accept-new-host-key"); !strings.Contains(r.err, "SHA256:") {
		t.Errorf("%s", r.err)
	}
	w.must(0, "index", "a")
}

func TestPasswordInstallsTheKeyAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, _, args := passwordBox(t, "")
	if r := w.typed("s3cret pass\n", args...); r.code != 0 {
		t.Fatalf("add: %d\n%s", r.code, r.err)
	}
	authorized := filepath.Join(u.Home, ".ssh/authorized_keys")
	if err := os.Remove(authorized); err != nil { // by who cleaned up there
		t.Fatal(err)
	}
	w.refused(6, "authentication refused", "index", "box")
	if r := w.typed("wrong\n", "destination", "set", "box", "--password-stdin"); r.code != 6 {
		t.Errorf("a wrong password: %d\n%s", r.code, r.err)
	}
	if r := w.typed("s3cret pass\n", "destination", "set", "box", "--password-stdin"); r.code != 0 || !strings.Contains(r.err, "Installed a key") {
		t.Errorf("set: %d\n%s", r.code, r.err)
	}
	w.must(0, "index", "box")
	if r := w.typed("s3cret pass\n", "destination", "set", "box", "--password-stdin", "--keep-password"); r.code != 0 {
		t.Errorf("keep: %d\n%s", r.code, r.err)
	}
	if files := w.files(); strings.Contains(files, "keys/box") || !strings.Contains(files, "secrets/box") {
		t.Errorf("%s", files)
	}
	w.must(0, "index", "box")
}

// writePublic writes the public half of a key beside it.
func writePublic(identity string) error {
	line, err := auth.PublicLine(identity)
	if err != nil {
		return err
	}
	return os.WriteFile(identity+".pub", []byte(line+"\n"), 0o644)
}
