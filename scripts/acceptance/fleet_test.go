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

// One machine asks others: by OpenSSH, by the page, one that is down, and one that hangs.
func TestMachinesOfAFleetAreAskedTogether(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.pack(hostedAccount(t, "alice"), "alice", "2026-01-05")
	h.add("d")
	page := fmt.Sprint(freePort(t))
	run(t, `printf '\n[web]\nlisten = "127.0.0.1:%s"\n' "$2" >>"$1/slotfs.toml"`, h.work, page)
	h.must("index", "d")
	h.mount()
	var link struct{ URL string }
	if err := json.Unmarshal([]byte(h.must("link", "--admin", "--json")), &link); err != nil {
		t.Fatal(err)
	}
	hanging, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hanging.Close() })
	dir := t.TempDir()
	for name, text := range map[string]string{
		"link": link.URL + "\n", "old": "AAAA\n",
		"known": fmt.Sprintf("[%s]:%d %s\n", h.server.Host, h.server.Port, strings.Join(h.server.HostKeys, fmt.Sprintf("\n[%s]:%d ", h.server.Host, h.server.Port))),
		"ssh":   fmt.Sprintf("#!/bin/sh\nexec /usr/bin/ssh -F none -o UserKnownHostsFile=%s/known -i %s \"$@\"\n", dir, h.server.Identity),
		"slotfs.toml": fmt.Sprintf(`
[fleet.by-ssh]
url = "ssh://%s@%s:%d%s"
[fleet.by-page]
url = "http://127.0.0.1:%s"
token-file = "%s/link"
[fleet.down]
url = "ssh://root@127.0.0.1:1"
[fleet.hangs]
url = "ssh://root@%s"
[fleet.old-link]
url = "http://127.0.0.1:%s"
token-file = "%s/old"
`, h.server.Username, h.server.Host, h.server.Port, filepath.Join(h.work, "state"), page, dir, hanging.Addr(), page, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) (string, string, int) {
		cmd := exec.Command(binary, append([]string{"--config", filepath.Join(dir, "slotfs.toml"), "--state-dir", filepath.Join(dir, "state"), "fleet"}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, _ := cmd.Output()
		return string(out), stderr.String(), cmd.ProcessState.ExitCode()
	}
	out, stderr, code := ask("--json")
	var all []struct {
		Host, Version, Error string
		Newest               *string
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 3 || len(all) != 5 {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, stderr)
	}
	for i, want := range []string{"", "", "connection refused", "no answer in time", "lets nobody in"} {
		one := all[i]
		if !strings.Contains(strings.ToLower(one.Error), want) || (want == "") != (one.Error == "") || (want == "") != (one.Version != "" && one.Newest != nil) {
			t.Errorf("%s: %+v", one.Host, one)
		}
	}
	out, _, _ = ask()
	if !strings.HasPrefix(out, "HOST ") || strings.Count(out, "\n") != 6 {
		t.Errorf("as a table:\n%s", out)
	}
	out, stderr, code = ask("find", "--latest", "alice_wp*")
	here := h.must("find", "--latest", "alice_wp*")
	for line := range strings.Lines(here) {
		if !strings.Contains(out, "by-ssh:"+line) || !strings.Contains(out, "by-page:"+line) {
			t.Errorf("not found on both machines: %s", line)
		}
	}
	if code != 3 || strings.Count(out, "\n") != 2*strings.Count(here, "\n") || !strings.Contains(stderr, "fleet down: ") {
		t.Errorf("exit code %d\n%s%s", code, out, stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "slotfs-fleet-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
