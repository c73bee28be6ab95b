package acceptance

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// visitor is somebody who comes by OpenSSH's sftp with a key of his own.
type visitor struct {
	t      *testing.T
	port   int
	user   string
	key    string
	public string
}

func newVisitor(t *testing.T, port int, user string) *visitor {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	return &visitor{t: t, port: port, user: user, key: key, public: strings.TrimSpace(run(t, `ssh-keygen -q -t ed25519 -N '' -C "$2" -f "$1"; cat "$1.pub"`, key, user))}
}

// sftp runs a batch of commands and returns what was said, and the exit code.
func (v *visitor) sftp(batch string) (string, int) {
	v.t.Helper()
	cmd := exec.Command("sftp", "-q", "-b", "-", "-i", v.key, "-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null",
		fmt.Sprintf("-oPort=%d", v.port), v.user+"@127.0.0.1")
	cmd.Stdin = strings.NewReader(batch)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestOwnersReachTheirBackupsBySFTP(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, user := range []string{"alice", "bob"} {
		run(t, `"$1" -user "$2" -size 2 "$3/src" >/dev/null; mkdir -p "$3/store/srv1/2026-01-05/accounts" "$3/store/srv2/2026-01-05/accounts"
tar -C "$3/src" -czf "$3/store/srv1/2026-01-05/accounts/$2.tar.gz" "$2"; cp "$3/store/srv1/2026-01-05/accounts/$2.tar.gz" "$3/store/srv2/2026-01-05/accounts/"`,
			accountMaker, user, filepath.Dir(h.store))
	}
	port := freePort(t)
	alice, root, stranger := newVisitor(t, port, "alice"), newVisitor(t, port, "root"), newVisitor(t, port, "bob")
	h.must(append(h.addArgs("d"), "--local-origin", "srv1")...)
	h.must("index")
	conf := fmt.Sprintf("\n[sftp-server]\nlisten = \"127.0.0.1:%d\"\nkeys = {alice = %q, root = [%q]}\n", port, alice.public, root.public)
	run(t, `cat >>"$1/slotfs.toml" <<<"$2"`, h.work, conf)
	h.mount()
	eventually(t, "the SFTP server answers", func() bool { _, code := root.sftp("pwd\n"); return code == 0 })

	out := t.TempDir()
	if said, code := alice.sftp(fmt.Sprintf("get -rp /d/srv1/accounts/alice/latest/files %s/\nget -rp /d/srv1/accounts/alice/latest/databases %s/\n", out, out)); code != 0 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	for _, part := range []string{"files", "databases"} {
		run(t, `rsync -a --no-links "$1/" "$2.want"; diff -r "$2.want" "$2"`, filepath.Join(h.account("d", "srv1", "alice"), "latest", part), filepath.Join(out, part))
	}
	for _, path := range []string{"/d/srv1/accounts/bob", "/d/srv2", "/d/srv2/accounts/alice", "/.slotfs/status.json", "/d/srv1/accounts/alice/latest/archive/alice.tar.gz",
		"/d/srv1/accounts/alice/latest/full/alice/shadow", "/d/srv1/accounts/alice/../bob/latest/files"} {
		if said, code := alice.sftp(fmt.Sprintf("get -r %s %s/stolen\n", path, out)); code == 0 {
			t.Errorf("%s: %s", path, said)
		}
	}
	if said, _ := alice.sftp("ls -1 /\nls -1 /d\nls -1 /d/srv1/accounts\n"); strings.Contains(said, "bob") || strings.Contains(said, "srv2") {
		t.Errorf("alice is shown\n%s", said)
	}
	if said, code := alice.sftp("rm /d/srv1/accounts/alice/latest/snapshot.json\n"); code == 0 || !strings.Contains(said, "ermission denied") {
		t.Errorf("a file was removed: %s", said)
	}
	if said, code := stranger.sftp("ls /\n"); code == 0 {
		t.Errorf("a key of nobody: %s", said)
	}
	if said, code := root.sftp("ls -1 /d/srv1/accounts\nls -1 /d/srv2/accounts\n"); code != 0 || strings.Count(said, "bob") != 2 {
		t.Errorf("root is shown\n%s", said)
	}
	checkPasswordForOneLogin(t, h, stranger)
	if said := h.must("audit", "alice"); !strings.Contains(said, "account alice") || !strings.Contains(said, "download") {
		t.Errorf("the audit record\n%s", said)
	}
}

// checkPasswordForOneLogin logs in twice with a password that lets in once.
func checkPasswordForOneLogin(t *testing.T, h *host, v *visitor) {
	t.Helper()
	var made struct{ ID, User, Password string }
	if err := json.Unmarshal([]byte(h.must("link", "--sftp", "--account", v.user, "--once", "--json")), &made); err != nil || made.User != v.user {
		t.Fatalf("%+v, %v", made, err)
	}
	ask := filepath.Join(t.TempDir(), "ask")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\necho '"+made.Password+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"0", "255"} {
		code := run(t, `SSH_ASKPASS="$1" SSH_ASKPASS_REQUIRE=force sftp -q -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null -oNumberOfPasswordPrompts=1 \
-oPubkeyAuthentication=no -oPort="$2" "$3@127.0.0.1" <<<'ls /' >/dev/null 2>&1 && echo 0 || echo $?`, ask, itoa(v.port), v.user)
		if strings.TrimSpace(code) != want {
			t.Errorf("log-in %d: exit code %s, want %s", n+1, code, want)
		}
	}
	if said := h.must("link", "list"); !strings.Contains(said, "used up") || strings.Contains(said, made.Password) {
		t.Errorf("the list\n%s", said)
	}
}
