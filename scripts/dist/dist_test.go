package main

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// published is one build of the committed state, made once for all tests.
var published string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "slotfs-dist-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		published = filepath.Join(dir, "out")
		if err := buildClone(dir, published); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// buildClone builds the committed state in a checkout of its own.
func buildClone(dir, out string) error {
	clone := filepath.Join(dir, "clone")
	cmd := exec.Command("git", "clone", "-q", "../..", clone)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	return build(clone, out, architectures)
}

// sh runs a script and returns what it prints. Whatever fails in it ends the test.
func sh(t *testing.T, script string, args ...string) string {
	t.Helper()
	out, err := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "sh"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// one is the only file of the release that a pattern matches.
func one(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(published, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

func TestSameCommitGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	again := filepath.Join(dir, "out")
	if err := buildClone(dir, again); err != nil {
		t.Fatal(err)
	}
	sh(t, `diff -r "$1" "$2"; cd "$2"; [ "$(wc -l <SHA256SUMS)" = 8 ]; sha256sum --quiet -c SHA256SUMS`, published, again)
}

// olderRPM is the package that another version would be, with another example in its configuration.
func olderRPM(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	clone := filepath.Join(filepath.Dir(published), "clone")
	r, err := newRelease(clone, filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	r.version = "0.0.1"
	sh(t, `tar -C "$1" --strip-components=1 -xzf "$2"`, dir, one(t, "*-amd64.tar.gz"))
	content, err := r.content(filepath.Join(dir, "usr/bin/slotfs"), filepath.Join(dir, "usr/share/doc/slotfs/copyright"), dir)
	if err != nil {
		t.Fatal(err)
	}
	example := filepath.Join(dir, "slotfs.toml")
	sh(t, `echo '# older' | cat - "$1" >"$2"`, r.file("scripts/dist/slotfs.toml"), example)
	for i := range content {
		if content[i].to == "/etc/slotfs/slotfs.toml" {
			content[i].from = example
		}
	}
	if err := r.writePackage("rpm", "amd64", content); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(r.out, "slotfs-0.0.1-1.x86_64.rpm")
}

func TestRPMComesAndGoes(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("unshare", "--mount", "--propagation", "private", "bash", "testdata/rpm.sh",
		olderRPM(t), one(t, "*.x86_64.rpm"), t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// The package's units do what they should under a real systemd, also after a boot.
func TestUnitsUnderSystemd(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("../systemdtest/run", one(t, "*_amd64.deb")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// The package is installed over an older one, used, removed and purged in a root of its own, which lies over this machine's.
func TestDebianPackageComesAndGoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := exec.Command("unshare", "--mount", "--propagation", "private", "bash", "testdata/debian.sh", one(t, "*_amd64.deb"), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestPackagesAreWhatTheySay(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		fields := sh(t, `dpkg-deb -f "$1"`, one(t, "*_"+arch+".deb"))
		for _, want := range []string{"Architecture: " + arch + "\n", "License: Unlicensed\n", "Recommends: fuse3\n"} {
			if !strings.Contains(fields, want) {
				t.Errorf("%s: no %q in\n%s", arch, want, fields)
			}
		}
		if strings.Contains(fields, "Depends:") {
			t.Errorf("%s depends on something:\n%s", arch, fields)
		}
	}
	for _, arch := range []string{"x86_64", "aarch64"} {
		path := one(t, "*."+arch+".rpm")
		got := sh(t, `rpm -qp --qf '%{ARCH} %{LICENSE} [%{RECOMMENDNAME} ]\n' "$1"; rpm -qp --qf '[%{FILENAMES} %{FILEFLAGS:fflags}\n]' "$1" | grep ' c'; rpm -qp --requires "$1" | grep -v '^rpmlib(\|^/bin/sh' || true`, path)
		want := arch + " Unlicensed fuse3 \n/etc/logrotate.d/slotfs cn\n/etc/slotfs/slotfs.toml cn\n"
		if got != want {
			t.Errorf("%s says\n%swant\n%s", filepath.Base(path), got, want)
		}
	}
}

func TestEveryBinaryIsStaticAndForItsMachine(t *testing.T) {
	for pattern, machine := range map[string]elf.Machine{
		"*_amd64.deb": elf.EM_X86_64, "*_arm64.deb": elf.EM_AARCH64, "*.x86_64.rpm": elf.EM_X86_64, "*.aarch64.rpm": elf.EM_AARCH64,
		"*-amd64.tar.gz": elf.EM_X86_64, "*-arm64.tar.gz": elf.EM_AARCH64,
	} {
		dir := t.TempDir()
		sh(t, `case $1 in
*.deb) dpkg-deb -x "$1" "$2" ;;
# rpm2cpio fails where a package does not tell the size of its payload; the digests, and cpio, tell whether it is whole.
*.rpm) rpm -K --nosignature "$1"; cd "$2"; rpm2cpio "$1" >payload || true; cpio -idm --quiet --no-absolute-filenames <payload 2>&1 ;;
*) tar -C "$2" --strip-components=1 -xzf "$1" ;;
esac
for file in usr/share/man/man1/slotfs-sync.1.gz usr/share/man/man5/slotfs.toml.5.gz usr/share/bash-completion/completions/slotfs \
	usr/share/slotfs/panel/{slotfs.png,whm/slotfs.conf,cpanel/install.json,directadmin/plugin.conf} usr/lib/systemd/system/slotfs.service etc/slotfs/slotfs.toml usr/share/doc/slotfs/copyright; do [ -s "$2/$file" ]; done
[ "$(readlink "$2/usr/sbin/mount.slotfs")" = /usr/bin/slotfs ]
grep -q '^exec /usr/bin/slotfs panel cgi cpanel --socket /run/slotfs/panel.sock$' "$2/usr/share/slotfs/panel/cpanel/index.live.cgi"
[ -x "$2/usr/share/slotfs/panel/directadmin/user/page.raw" ]; [ -z "$(grep -r '@[A-Z][A-Z]*@' "$2/usr/share/slotfs/panel")" ]
grep -q '^ExecStart=/usr/bin/slotfs ' "$2/usr/lib/systemd/system/slotfs.service"`, one(t, pattern), dir)
		binary := filepath.Join(dir, "usr/bin/slotfs")
		f, err := elf.Open(binary)
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != machine || f.Section(".interp") != nil {
			t.Errorf("%s: for %v, static: %v", pattern, f.Machine, f.Section(".interp") == nil)
		}
		f.Close()
		if machine != elf.EM_X86_64 {
			continue
		}
		version := regexp.MustCompile(`^slotfs version [0-9.]+ \([0-9a-f]{12}, [0-9]{4}-[0-9]{2}-[0-9]{2}\)\n$`)
		if got := sh(t, `"$1" --version`, binary); !version.MatchString(got) {
			t.Errorf("%s: the version is %q", pattern, got)
		}
	}
}

func TestBillAndNoticesNameTheSameModules(t *testing.T) {
	text, err := os.ReadFile(one(t, "*-amd64.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b bill
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	notices := sh(t, `tar -xzOf "$1" --wildcards '*/usr/share/doc/slotfs/copyright'`, one(t, "*-amd64.tar.gz"))
	if !strings.HasPrefix(notices, "slotfs: Unlicensed.") || !strings.Contains(notices, "\nGo: LICENSE\n") {
		t.Errorf("the notices begin with %.100q", notices)
	}
	for _, c := range b.Components {
		if !strings.Contains(notices, "\n"+c.Name+" "+c.Version+": ") {
			t.Errorf("no notice of %s %s", c.Name, c.Version)
		}
	}
	if len(b.Components) < 10 {
		t.Errorf("%d modules", len(b.Components))
	}
}
