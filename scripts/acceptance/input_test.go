package acceptance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// replaced returns args with the value behind flag changed.
func replaced(args []string, flag, value string) []string {
	args = slices.Clone(args)
	args[slices.Index(args, flag)+1] = value
	return args
}

// wants checks that a command ended with code and one line that names the thing.
func (r result) wants(t *testing.T, code int, words ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	if r.code != code || len(lines) > 2 || !strings.HasPrefix(lines[0], "slotfs: ") || len(lines) == 2 && !strings.HasPrefix(lines[1], "slotfs: hint: ") {
		t.Errorf("exit code %d, want %d; standard error:\n%s", r.code, code, r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("%q does not tell of %q", r.stderr, word)
		}
	}
}

func TestWrongDestinationIsOneLine(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	good := h.addArgs("d")
	notKey := filepath.Join(h.work, "not-a-key")
	if err := os.WriteFile(notKey, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, `ssh-keygen -q -t ed25519 -N '' -f "$1/other"; mkdir "$2/closed"; echo x >"$2/file"`, h.work, h.store)
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		words []string
	}{
		{"port nobody listens on", replaced(good, "--port", "1"), 5, []string{"127.0.0.1:1", "refused"}},
		{"host that is no host", replaced(good, "--host", "no-such-host.invalid"), 5, []string{"no-such-host.invalid"}},
		{"wrong user", replaced(good, "--username", "nosuchuser"), 6, []string{"nosuchuser"}},
		{"wrong key", replaced(good, "--identity-file", filepath.Join(h.work, "other")), 6, []string{"127.0.0.1"}},
		{"key file missing", replaced(good, "--identity-file", "/nonexistent/key"), 2, []string{"/nonexistent/key"}},
		{"key file that is none", replaced(good, "--identity-file", notKey), 2, []string{notKey}},
		{"other host key", replaced(good, "--accept-host-key", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 6, []string{"SHA256:", h.print}},
		{"directory missing", replaced(good, "--directory", h.store+"/missing"), 1, []string{"missing"}},
		{"directory that is a file", replaced(good, "--directory", h.store+"/file"), 1, []string{"file"}},
		{"unknown engine", replaced(good, "--engine", "acronis"), 2, []string{"acronis", "cpanel"}},
		{"port out of range", replaced(good, "--port", "70000"), 2, []string{"70000"}},
		{"unknown flag", append(slices.Clone(good), "--frobnicate"), 2, []string{"frobnicate"}},
		{"bad schedule", append(slices.Clone(good), "--reindex", "25:99"), 2, []string{"25:99"}},
		{"bad name", append([]string{"destination", "add", "a/b"}, good[3:]...), 2, []string{"a/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.slotfs(c.args...).wants(t, c.code, c.words...)
			if list := h.must("destination", "list"); strings.Contains(list, h.store) {
				t.Errorf("the refused destination was kept:\n%s", list)
			}
		})
	}
	h.must(good...)
	h.slotfs(good...).wants(t, 2, "d")
}

func TestChangedHostKeyIsRefusedWithBothFingerprints(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.pack(hostedAccount(t, "alice"), "alice", "2026-01-05")
	h.add("d")
	config := filepath.Join(h.work, "slotfs.toml")
	run(t, `ssh-keygen -q -t ed25519 -N '' -f "$1/fake"; key=$(cut -d' ' -f2 "$1/fake.pub"); grep -rl 'AAAAC3NzaC1lZDI1NTE5' "$1" --include='*' | grep -v fake | xargs sed -i "s,AAAAC3NzaC1lZDI1NTE5[A-Za-z0-9+/=]*,$key,"`, filepath.Dir(config))
	fake := strings.Fields(run(t, `ssh-keygen -l -f "$1/fake.pub"`, h.work))[1]
	h.slotfs("index", "d").wants(t, 6, fake, h.print)
}

func TestWrongUseOfIndexAndMountIsOneLine(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.pack(hostedAccount(t, "alice"), "alice", "2026-01-05")
	h.add("d")
	h.slotfs("index", "nope").wants(t, 2, "nope")
	h.slotfs("mount", filepath.Join(h.work, "missing")).wants(t, 1, "missing")
	h.slotfs("mount").wants(t, 2)
	h.slotfs("umount", h.mnt).wants(t, 1, h.mnt)
	h.slotfs("frobnicate").wants(t, 2, "frobnicate")
	run(t, `mkdir "$1/full"; touch "$1/full/file"`, h.work)
	h.slotfs("mount", filepath.Join(h.work, "full")).wants(t, 1, "not empty")
	h.slotfs("mount", filepath.Join(h.work, "state")).wants(t, 2)
	h.slotfs("mount", "-o", "frobnicate", h.mnt).wants(t, 2, "frobnicate")
	h.must("index")
	config := filepath.Join(h.work, "slotfs.toml")
	run(t, `echo 'colour = "blue"' >>"$1"`, config)
	h.slotfs("index").wants(t, 2, config+":", "colour")
}

func TestDamagedIndexNamesTheCureAndRebuilds(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	h.pack(parent, "alice", "2026-01-05")
	h.add("d")
	h.must("index")
	run(t, `find "$1/state" -name MANIFEST -exec truncate -s 10 {} +`, h.work)
	h.slotfs("index").wants(t, 1, "--rebuild")
	h.must("index", "--rebuild")
	h.mount()
	run(t, `diff -r --no-dereference "$1/alice/homedir" "$2/latest/files"`, parent, h.account("d", "", "alice"))
}

func TestFullDiskUnderTheStateLosesNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	for _, day := range []string{"2026-01-04", "2026-01-05"} {
		h.pack(parent, "alice", day)
	}
	h.add("d")
	state := filepath.Join(h.work, "state")
	run(t, `mkdir "$1.was"; cp -a "$1/." "$1.was/"; mount -t tmpfs -o size=300k tmpfs "$1"; cp -a "$1.was/." "$1/"`, state)
	t.Cleanup(func() { run(t, `umount -l "$1"`, state) })
	r := h.slotfs("index")
	r.wants(t, 1, "space")
	run(t, `mount -o remount,size=200m "$1"`, state)
	h.must("index")
	h.mount()
	run(t, `diff -r --no-dereference "$1/alice/homedir" "$2/latest/files"`, parent, h.account("d", "", "alice"))
}

func TestNoFuseDeviceIsOneLine(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.add("d")
	out := run(t, `unshare -m bash -c 'mount -t tmpfs tmpfs /dev; mkdir -p /dev/shm; mknod /dev/null c 1 3; "$0" --config "$1/slotfs.toml" --state-dir "$1/state" mount "$2" 2>&1; echo "code $?"' "$1" "$2" "$3"`, binary, h.work, h.mnt)
	if !strings.Contains(out, "/dev/fuse") || !strings.Contains(out, "code 1") || strings.Count(out, "\n") > 3 {
		t.Errorf("without /dev/fuse: %s", out)
	}
}
