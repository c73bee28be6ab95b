package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"slotfs/cmd/internal/state"
	"slotfs/sftpdest/probe"
	"slotfs/sftpdest/sshdtest"
)

// passwordBox is a user with a password on a real sshd, and the command line that adds it.
func passwordBox(t *testing.T, config string) (*sshdtest.User, *sshdtest.Server, []string) {
	t.Helper()
	u, err := sshdtest.AddUser("s3cret pass")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Remove(); err != nil {
			t.Error(err)
		}
	})
	s, err := sshdtest.Start(sshdtest.Options{User: u.Name, Config: config + sshdtest.WithPasswords})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return u, s, []string{"destination", "add", "box", "--host", s.Host, "--port", strconv.Itoa(s.Port), "--username", u.Name,
		"--accept-new-host-key", "--password-stdin"}
}

func (w *world) typed(stdin string, args ...string) result {
	w.t.Helper()
	c := w.command(args...)
	c.Stdin = strings.NewReader(stdin)
	return w.finish(c)
}

// files lists what the state directory holds.
func (w *world) files() string {
	out, err := exec.Command("find", w.state, "-type", "f").CombinedOutput()
	if err != nil {
		w.t.Fatal(err)
	}
	return string(out)
}

func TestPasswordIsUsedOnceToInstallAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, _, args := passwordBox(t, "")
	r := w.typed("s3cret pass\n", append(args, "--directory", "backups/new", "--create-directory")...)
	if r.code != 0 || !strings.Contains(r.err, "Installed a key of its own, for reading by SFTP only") || !strings.Contains(r.err, "Made the directory") {
		t.Fatalf("add: %d\n%s%s", r.code, r.out, r.err)
	}
	key := state.Dir(w.state).Key("box")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info, err)
	}
	grep := exec.Command("grep", "-rl", "s3cret", w.state, filepath.Dir(w.config), u.Home)
	if out, _ := grep.CombinedOutput(); len(out) > 0 || strings.Contains(r.out+r.err, "s3cret") {
		t.Errorf("the password is kept or shown: %s", out)
	}
	var report probe.Report
	out := w.must(0, "destination", "test", "box", "--json", "--write", "--time", "50ms").out
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Authenticated != "publickey" || report.WriteOne != 0 || report.Skipped["write"] == "" {
		t.Errorf("%v\n%s", err, out)
	}
	if left, err := os.ReadDir(filepath.Join(u.Home, "backups/new")); err != nil || len(left) != 0 {
		t.Errorf("the test left %v, %v", left, err)
	}
	w.must(0, "index", "box")
	authorized := filepath.Join(u.Home, ".ssh", "authorized_keys")
	if line, err := os.ReadFile(authorized); err != nil || !strings.Contains(string(line), "slotfs-box@") {
		t.Errorf("%s, %v", line, err)
	}
	if r := w.typed("s3cret pass\n", "destination", "remove", "box", "--yes", "--remove-key", "--password-stdin"); r.code != 0 || !strings.Contains(r.err, "Took the key away") {
		t.Errorf("remove: %d\n%s", r.code, r.err)
	}
	if line, err := os.ReadFile(authorized); err != nil || len(line) != 0 {
		t.Errorf("left %q, %v", line, err)
	}
	if files := w.files(); strings.Contains(files, "keys/") {
		t.Errorf("left %s", files)
	}
}

func TestServerThatRefusesKeysIsSaidAndThePasswordKeptOnRequestOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, _, args := passwordBox(t, "PubkeyAuthentication no\n")
	r := w.typed("s3cret pass\n", args...)
	w.refusal(r, 6, "the server does not accept it")
	if !strings.Contains(r.err, "--keep-password") || strings.Contains(r.err, "s3cret") {
		t.Errorf("add says\n%s", r.err)
	}
	if files := w.files(); strings.Contains(files, "keys/") || strings.Contains(files, "secrets/") {
		t.Errorf("left %s", files)
	}
	if _, err := os.Stat(filepath.Join(u.Home, ".ssh")); !os.IsNotExist(err) {
		t.Errorf("left .ssh: %v", err)
	}
	if r := w.typed("s3cret pass\n", append(args, "--keep-password")...); r.code != 0 {
		t.Fatalf("add: %d\n%s", r.code, r.err)
	}
	w.must(0, "destination", "test", "box", "--time", "50ms")
}

func TestRemovingADestinationThatIsDownKeepsGoing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, s, args := passwordBox(t, "")
	if r := w.typed("s3cret pass\n", args...); r.code != 0 {
		t.Fatalf("add: %d\n%s", r.code, r.err)
	}
	s.Kill()
	if r := w.must(3, "destination", "remove", "box", "--yes", "--remove-key"); !strings.Contains(r.err, "The key stays on the server") ||
		!strings.Contains(r.err, "ssh-ed25519 ") {
		t.Errorf("remove says\n%s", r.err)
	}
}

func TestKeyForReadingIsNotTakenAwayByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, _, args := passwordBox(t, "")
	if r := w.typed("s3cret pass\n", args...); r.code != 0 {
		t.Fatalf("add: %d\n%s", r.code, r.err)
	}
	if r := w.must(3, "destination", "remove", "box", "--yes", "--remove-key"); !strings.Contains(r.err, "The key stays on the server") {
		t.Errorf("remove says\n%s", r.err)
	}
	if line, err := os.ReadFile(filepath.Join(u.Home, ".ssh/authorized_keys")); err != nil || !strings.Contains(string(line), "internal-sftp -R") {
		t.Errorf("%s, %v", line, err)
	}
}

// killed adds a destination and kills it when its key is on the server.
func (w *world) killed(u *sshdtest.User, args ...string) {
	w.t.Helper()
	c := w.command(args...)
	c.Stdin = strings.NewReader(u.Password + "\n")
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "the key", func() bool {
		line, _ := os.ReadFile(filepath.Join(u.Home, ".ssh/authorized_keys"))
		return len(line) > 0
	})
	_ = c.Process.Kill()
	_ = c.Wait()
}

func TestKeyOfAnAttemptThatWasKilledIsTakenOverOrAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, _, args := passwordBox(t, "")
	keys := func() int {
		text, _ := os.ReadFile(filepath.Join(u.Home, ".ssh/authorized_keys"))
		return strings.Count(string(text), "ssh-ed25519")
	}
	w.killed(u, args...)
	if data, _ := os.ReadFile(w.config); strings.Contains(string(data), "box") {
		t.Fatal("it was faster than the kill")
	}
	if r := w.typed("s3cret pass\n", args...); r.code != 0 || keys() != 1 {
		t.Fatalf("again: %d, %d keys\n%s", r.code, keys(), r.err)
	}
	if r := w.typed("s3cret pass\n", "destination", "remove", "box", "--yes", "--remove-key", "--password-stdin"); r.code != 0 || keys() != 0 {
		t.Errorf("remove: %d, %d keys\n%s", r.code, keys(), r.err)
	}
	w.killed(u, args...)
	if r := w.typed("s3cret pass\n", "destination", "remove", "box", "--yes", "--password-stdin"); r.code != 0 || keys() != 0 {
		t.Errorf("remove what was left over: %d, %d keys\n%s", r.code, keys(), r.err)
	}
	if files := w.files(); strings.Contains(files, "keys/") {
		t.Errorf("left %s", files)
	}
}

func TestPassphraseFileAgentAndHostAuthority(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	locked, authority, passphrase := filepath.Join(dir, "locked"), filepath.Join(dir, "ca"), filepath.Join(dir, "passphrase")
	for file, words := range map[string]string{locked: "open sesame", authority: ""} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", words, "-f", file).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	if err := os.WriteFile(passphrase, []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sshdtest.Start(sshdtest.Options{HostCA: authority, Config: "AuthorizedKeysFile " + locked + ".pub\n"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	add := []string{"destination", "add", "a", "--host", s.Host, "--port", strconv.Itoa(s.Port), "--username", s.Username, "--directory", w.store}
	w.refused(2, "not a public key", append(add, "--host-ca", passphrase, "--agent")...)
	w.must(0, append(add, "--host-ca", authority+".pub", "--identity-file", locked, "--passphrase-file", passphrase)...)
	w.must(0, "index", "a")
	if r := w.must(0, "destination", "show", "a"); !strings.Contains(r.out, "certificates by SHA256:") {
		t.Errorf("show says\n%s", r.out)
	}
	w.must(0, "destination", "remove", "a", "--yes")

	agent := exec.Command("ssh-agent", "-D", "-a", filepath.Join(dir, "agent"))
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer agent.Wait()
	defer agent.Process.Kill()
	socket := "SSH_AUTH_SOCK=" + filepath.Join(dir, "agent")
	eventually(t, "the agent", func() bool {
		c, err := net.Dial("unix", filepath.Join(dir, "agent"))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	ask := filepath.Join(dir, "ask")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\necho open sesame\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	load := exec.Command("ssh-add", locked)
	load.Env = append(os.Environ(), socket, "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force")
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v\n%s", err, out)
	}
	c := w.command(append(add, "--host-ca", authority+".pub", "--agent")...)
	c.Env = append(c.Env, socket)
	if r := w.finish(c); r.code != 0 {
		t.Errorf("with the agent: %d\n%s", r.code, r.err)
	}
}

func TestAdviceIsGivenWhereItIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inner := filepath.Join(w.store, "inner")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	r := w.must(0, w.addArgs("outer")...)
	for _, want := range []string{"the remote user is root", "every user of the server can read"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("no %q in\n%s", want, r.err)
		}
	}
	r = w.must(0, append(w.addArgs("inner"), "--directory", inner)...)
	if !strings.Contains(r.err, "lies in that of destination outer") || strings.Contains(r.err, "every user") {
		t.Errorf("inner:\n%s", r.err)
	}
	w.must(0, "destination", "remove", "outer", "--yes")
	if r := w.must(0, w.addArgs("outer")...); !strings.Contains(r.err, "of destination inner lies in it") {
		t.Errorf("outer again:\n%s", r.err)
	}
}
