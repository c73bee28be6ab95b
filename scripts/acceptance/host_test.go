package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/sftpdest/sshdtest"
)

// binary is the program under test, accountMaker makes accounts; both are built once.
var binary, accountMaker string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("the acceptance tests mount and give files away: they need root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return 0, fmt.Errorf("the acceptance tests need FUSE: %w", err)
	}
	dir, err := os.MkdirTemp("", "slotfs-acceptance")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary, accountMaker = filepath.Join(dir, "slotfs"), filepath.Join(dir, "account")
	build := exec.Command("go", "build", "-o", dir, "slotfs/cmd/slotfs", "slotfs/scripts/account")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// run runs a script and returns what it printed; a failure ends the test.
func run(t *testing.T, script string, args ...string) string {
	t.Helper()
	cmd := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "-"}, args...)...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s\n%v\n%s%s", script, err, out.String(), stderr.String())
	}
	return out.String()
}

// host is a machine with slotfs, and an SFTP server with a destination on it.
type host struct {
	t      *testing.T
	server *sshdtest.Server
	port   int    // where the server is reached
	print  string // fingerprint of the server's ed25519 key
	store  string // the destination's directory
	jail   string // what the server takes for its root, if that is another one than ours
	work   string // config, state and mountpoint
	mnt    string
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

func newHost(t *testing.T) *host {
	t.Helper()
	return newHostWith(t, sshdtest.Options{})
}

// newHostWith is newHost with settings of the server.
func newHostWith(t *testing.T, o sshdtest.Options) *host {
	t.Helper()
	server, err := sshdtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return newHostAt(t, server)
}

// newHostAt is newHost with a server of its own kind.
func newHostAt(t *testing.T, server *sshdtest.Server) *host {
	t.Helper()
	h := &host{t: t, server: server, port: server.Port, store: filepath.Join(t.TempDir(), "store"), work: t.TempDir()}
	h.print = fingerprint(t, server)
	h.mnt = filepath.Join(h.work, "mnt")
	for _, dir := range []string{h.store, h.mnt} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(h.work, "slotfs.toml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Also that of a process which was killed.
		for unix.Unmount(h.mnt, unix.MNT_DETACH) == nil {
			t.Error("a mount stayed behind")
		}
	})
	return h
}

// fingerprint is that of the server's ed25519 key, as ssh-keygen tells it.
func fingerprint(t *testing.T, s *sshdtest.Server) string {
	t.Helper()
	for _, line := range s.HostKeys {
		if strings.HasPrefix(line, "ssh-ed25519 ") {
			return strings.Fields(run(t, `ssh-keygen -l -f - <<<"$1"`, line))[1]
		}
	}
	t.Fatal("the server has no ed25519 key")
	return ""
}

// slotfs runs the program.
func (h *host) slotfs(args ...string) result {
	h.t.Helper()
	return h.slotfsAs(nil, args...)
}

func (h *host) slotfsAs(stdin []byte, args ...string) result {
	h.t.Helper()
	cmd := exec.Command(binary, append([]string{"--config", filepath.Join(h.work, "slotfs.toml"), "--state-dir", filepath.Join(h.work, "state")}, args...)...)
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: out.String(), stderr: stderr.String()}
}

// must runs the program and expects exit code 0.
func (h *host) must(args ...string) string {
	h.t.Helper()
	r := h.slotfs(args...)
	if r.code != 0 {
		h.t.Fatalf("slotfs %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// addArgs are the arguments that add the host's store as a destination.
func (h *host) addArgs(name string) []string {
	return []string{"destination", "add", name, "--engine", "cpanel", "--host", h.server.Host, "--port", fmt.Sprint(h.port),
		"--username", h.server.Username, "--directory", h.store, "--identity-file", h.server.Identity,
		"--accept-host-key", h.print}
}

func (h *host) add(name string) { h.t.Helper(); h.must(h.addArgs(name)...) }

// mount mounts and unmounts when the test ends.
func (h *host) mount(args ...string) {
	h.t.Helper()
	h.must(append([]string{"mount", h.mnt}, args...)...)
	h.t.Cleanup(func() {
		if out, err := exec.Command("mountpoint", "-q", h.mnt).CombinedOutput(); err == nil {
			h.must("umount", h.mnt)
		} else if len(out) > 0 {
			h.t.Log(string(out))
		}
	})
}

// show adds the store as destination d, indexes it and mounts.
func (h *host) show(args ...string) {
	h.t.Helper()
	h.add("d")
	h.must("index")
	h.mount(args...)
}

// accounts is the directory of one account in the mount.
func (h *host) account(destination, origin, user string) string {
	return filepath.Join(h.mnt, destination, origin, "accounts", user)
}

// patience is how long a test waits for another process. It only bounds what hangs: a loaded machine makes a test slow, not red.
const patience = 10 * time.Minute

// eventually waits for what another process does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}
