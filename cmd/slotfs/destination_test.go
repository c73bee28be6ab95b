package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/state"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/sshdtest"
)

func TestDestinationsComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	comment := "# written by hand\n"
	if err := os.MkdirAll(filepath.Dir(w.config), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(w.config, []byte(comment), 0o640), os.Chmod(w.config, 0o640)); err != nil {
		t.Fatal(err)
	}
	r := w.must(0, w.addArgs("offsite", "--reindex", "05:30", "--max-connections", "2")...)
	if !strings.Contains(r.out, "destination offsite added") || !strings.Contains(r.err, "SHA256:") {
		t.Errorf("add says\n%s%s", r.out, r.err)
	}
	w.refused(2, "destination offsite: exists already", w.addArgs("offsite")...)

	var listed []destinations.Settings
	if err := json.Unmarshal([]byte(w.must(0, "destination", "list", "--json").out), &listed); err != nil || len(listed) != 1 {
		t.Fatalf("list: %v, %v", listed, err)
	}
	if d := listed[0]; d.Name != "offsite" || d.Reindex != "05:30" || d.MaxConnections != 2 || d.Directory != w.store || len(d.HostKeys) != 2 {
		t.Errorf("list: %+v", d)
	}
	fingerprint, err := auth.Fingerprint(listed[0].HostKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	if r := w.must(0, "destination", "show", "offsite"); !strings.Contains(r.out, fingerprint) {
		t.Errorf("show has not %s:\n%s", fingerprint, r.out)
	}
	if r := w.must(0, "destination", "test", "offsite", "--time", "50ms"); !strings.Contains(r.out, "by publickey") {
		t.Errorf("test says\n%s", r.out)
	}
	w.refused(2, "no terminal", "destination", "remove", "offsite")
	w.must(0, "destination", "remove", "offsite", "--yes")
	data, err := os.ReadFile(w.config)
	info, statErr := os.Stat(w.config)
	if err != nil || statErr != nil || strings.TrimSpace(string(data)) != strings.TrimSpace(comment) || info.Mode().Perm() != 0o640 {
		t.Errorf("left %q, mode %v", data, info.Mode())
	}
}

func TestPasswordIsKeptPrivateAndNeverShown(t *testing.T) {
	t.Parallel()
	const password = "s3cret pass"
	w := newWorld(t)
	local, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: w.store, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	args := []string{"--log-level", "debug", "destination", "add", "box", "--host", local.Host, "--port", strconv.Itoa(local.Port), "--username", "u", "--accept-new-host-key", "--password-stdin", "--keep-password"}
	add := func(stdin string) result {
		c := w.command(args...)
		c.Stdin = strings.NewReader(stdin)
		return w.finish(c)
	}
	if r := add("wrong\n"); r.code != 6 || strings.Contains(r.err, "wrong\n") {
		t.Errorf("a wrong password: %d\n%s", r.code, r.err)
	}
	if data, _ := os.ReadFile(w.config); len(data) > 0 {
		t.Error("a destination that refuses us is in the configuration")
	}
	if r := add(""); r.code != 2 {
		t.Errorf("no password: %d\n%s", r.code, r.err)
	}
	r := add(password + "\n")
	if r.code != 0 || !strings.Contains(r.out, w.state) {
		t.Fatalf("add: %d\n%s%s", r.code, r.out, r.err)
	}
	secret := state.Dir(w.state).Secret("box")
	info, err := os.Stat(secret)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("secret: %v, %v", info, err)
	}
	said := r.out + r.err
	for _, args := range [][]string{{"destination", "show", "box"}, {"destination", "list", "--json"}, {"destination", "test", "box", "--time", "50ms", "--log-level", "debug"}} {
		r := w.must(0, args...)
		said += r.out + r.err
	}
	config, _ := os.ReadFile(w.config)
	if strings.Contains(said+string(config), password) {
		t.Errorf("the password is shown:\n%s%s", said, config)
	}
	w.must(0, "destination", "remove", "box", "--yes")
	if _, err := os.Stat(secret); !os.IsNotExist(err) {
		t.Errorf("the password stayed: %v", err)
	}
}

func TestAddSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := built.sshd
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other, _, err := sshdtest.NewKey(dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(s.Identity)
	if err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "passphrase", "-f", locked).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	for _, c := range []struct {
		code int
		want string
		args []string // the last one of a flag counts
	}{
		{5, "no such host", []string{"--host", "no-such-host.invalid"}},
		{5, "connection refused", []string{"--port", "1"}},
		{6, "authentication refused", []string{"--username", "no-such-user"}},
		{6, "authentication refused", []string{"--identity-file", other}},
		{2, "no such file", []string{"--identity-file", filepath.Join(dir, "missing")}},
		{2, "permissions 0644 are too open", []string{"--identity-file", write("open", string(key), 0o644)}},
		{2, "identity file", []string{"--identity-file", write("text", "not a key\n", 0o600)}},
		{2, "passphrase", []string{"--identity-file", locked}},
		{1, "does not exist", []string{"--directory", "/no/such/dir"}},
		{2, "password", []string{"--identity-file=", "--password-file", write("empty", "", 0o600)}},
		{1, "no such file", []string{"--identity-file=", "--password-file", filepath.Join(dir, "missing")}},
		{2, "no terminal", []string{"--identity-file="}},
	} {
		w.refused(c.code, c.want, w.addArgs("a", append([]string{"--max-retries", "1", "--connection-timeout", "5s"}, c.args...)...)...)
	}
	if data, _ := os.ReadFile(w.config); len(data) > 0 {
		t.Error("something was added")
	}
}

func TestHostKeyIsAcceptedOnceAndThenHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	args := w.addArgs("a")
	args = args[:len(args)-1] // without --accept-new-host-key
	w.refused(6, "no terminal", args...)
	w.refused(6, "not the accepted one", append(args, "--accept-host-key", "SHA256:AAAA")...)
	// Any of the server's keys may be the one that somebody knows.
	fingerprint, err := auth.Fingerprint(built.sshd.HostKeys[len(built.sshd.HostKeys)-1])
	if err != nil {
		t.Fatal(err)
	}
	w.must(0, append(args, "--accept-host-key", fingerprint)...)
	if r := w.must(0, "destination", "show", "a"); !strings.Contains(r.out, fingerprint) {
		t.Errorf("pinned another key:\n%s", r.out)
	}
	w.must(0, "destination", "test", "a", "--time", "50ms")

	_, line, err := sshdtest.NewKey(t.TempDir(), "k")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	pinned := built.sshd.HostKeys[len(built.sshd.HostKeys)-1]
	changed := strings.Replace(string(data), pinned, line, 1)
	if changed == string(data) {
		t.Fatalf("%s is not in\n%s", pinned, data)
	}
	if err := os.WriteFile(w.config, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	w.refused(6, "host key", "destination", "test", "a")
	w.refused(6, "host key", "index", "a")
	if err := os.WriteFile(w.config, []byte(strings.Replace(string(data), "host-key", "#host-key", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.refused(6, "no host key is accepted", "destination", "test", "a")
}

func TestInterruptedTestReportsNothingAndLeavesNothing(t *testing.T) {
	t.Parallel()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // else a suite under nohup hands on that the signal is ignored
	defer signal.Stop(hangups)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGHUP, syscall.SIGTERM} {
		w := newWorld(t)
		w.must(0, w.addArgs("box", "--engine", "slots")...)
		c := w.command("destination", "test", "box", "--time", "15s")
		var said, out bytes.Buffer
		c.Stdout, c.Stderr = &out, &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		tests := func() []string {
			found, _ := filepath.Glob(filepath.Join(w.store, ".slotfs-test-*"))
			return found
		}
		eventually(t, "a file of the test", func() bool { return len(tests()) > 0 })
		_ = c.Process.Signal(sig)
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); code != 130 || out.Len() > 0 || said.String() != "slotfs: interrupted\n" {
			t.Errorf("%v: %d\n%s%s", sig, code, &out, &said)
		}
		if left := tests(); len(left) > 0 {
			t.Errorf("%v: left %v", sig, left)
		}
	}
}
