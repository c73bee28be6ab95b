package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/sftpdest/sshdtest"
)

func TestNoSecretInAnyMessageOrFile(t *testing.T) {
	t.Parallel()
	const password = "correct-horse-battery-staple"
	h := newHost(t)
	h.dated(`echo x >file`)
	local, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: h.store, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	if err := os.WriteFile(filepath.Join(h.work, "password"), []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	slotfs := func(args ...string) result {
		r := h.slotfs(append([]string{"--log-level", "debug"}, args...)...)
		said.WriteString(r.stdout + r.stderr)
		return r
	}
	add := func(name, file string) []string {
		return []string{"destination", "add", name, "--engine", "cpanel", "--host", local.Host, "--port", fmt.Sprint(local.Port), "--username", "u",
			"--directory", h.store, "--accept-new-host-key", "--max-retries", "1", "--keep-password", "--password-file", file}
	}
	if r := slotfs(add("d", filepath.Join(h.work, "password"))...); r.code != 0 {
		t.Fatalf("add: exit code %d\n%s", r.code, r.stderr)
	}
	wrong := filepath.Join(h.work, "wrong")
	if err := os.WriteFile(wrong, []byte("x"+password), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := slotfs(add("e", wrong)...); r.code != 6 {
		t.Errorf("wrong password: exit code %d\n%s", r.code, r.stderr)
	}
	key := h.addArgs("k")
	if r := slotfs(key...); r.code != 0 {
		t.Fatalf("add with a key: exit code %d\n%s", r.code, r.stderr)
	}
	for _, args := range [][]string{{"destination", "list"}, {"destination", "show", "d"}, {"destination", "show", "d", "--json"}, {"destination", "show", "k"}, {"destination", "test", "d"},
		{"index"}, {"status"}, {"status", "--json"}, {"mount", h.mnt}, {"index", "--full"}, {"status"}} {
		slotfs(args...)
	}
	said.WriteString(run(t, `cat "$1"/d/accounts/alice/*/files/file "$1/.slotfs/status.json" "$1/.slotfs/errors.log"`, h.mnt))
	local.Close()
	for _, args := range [][]string{{"destination", "test", "d"}, {"index", "d"}, {"umount", h.mnt}} {
		slotfs(args...)
	}
	material := strings.Fields(run(t, `grep -v -e ----- "$1"`, h.server.Identity))
	for _, secret := range append(material, password) {
		if strings.Contains(said.String(), secret) {
			t.Errorf("%.12s... was printed", secret)
		}
		kept := strings.Fields(run(t, `grep -rlF -e "$1" "$2" || true`, secret, h.work))
		for _, name := range kept {
			info, err := os.Stat(name)
			own := filepath.Dir(name) == h.work || strings.Contains(name, "/state/secrets/")
			if err != nil || !own || info.Mode().Perm() != 0o600 {
				t.Errorf("%.12s... stands in %s", secret, name)
			}
		}
	}
}
