package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestSnapshotsComeAndGoBesideARunningMount(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	first := h.pack(parent, "alice", "2026-01-04")
	h.show()
	account := h.account("d", "", "alice")
	list := func() string { return run(t, `ls "$1"`, account) }
	if got := list(); got != "2026-01-04\nlatest\n" {
		t.Fatalf("first: %q", got)
	}
	if _, err := os.Stat(filepath.Join(account, "2026-01-05")); !os.IsNotExist(err) {
		t.Fatal(err)
	}
	h.pack(parent, "alice", "2026-01-05")
	h.must("index", "d")
	if got := list(); got != "2026-01-04\n2026-01-05\nlatest\n" {
		t.Fatalf("after a new backup: %q", got)
	}
	if to, err := os.Readlink(filepath.Join(account, "latest")); err != nil || to != "2026-01-05" {
		t.Fatalf("latest -> %q, %v", to, err)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	h.must("index", "d")
	if got := list(); got != "2026-01-05\nlatest\n" {
		t.Fatalf("after one is gone: %q", got)
	}
	run(t, `diff -r --no-dereference "$1/alice" "$2/latest/full"`, parent, account)
}

// TestExtendedAttributesThatComeLaterAreShown has a mount without any, which the kernel does not ask for some any more, and somebody
// who stays in it.
func TestExtendedAttributesThatComeLaterAreShown(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	h.pack(parent, "alice", "2026-01-04")
	h.show()
	account := h.account("d", "", "alice")
	if out, err := exec.Command("getfattr", "-m-", account+"/latest/full/homedir").CombinedOutput(); err == nil {
		t.Fatalf("attributes of a mount that has none: %s", out)
	}
	before, err := os.Open(filepath.Join(account, "2026-01-04/full"))
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()

	run(t, `setfattr -n user.note -v late "$1/alice/homedir" && setfacl -m u:12345:r "$1/alice/cp/alice"
mkdir -p "$2/2026-01-05/accounts"; tar -C "$1" --xattrs --acls -czf "$2/2026-01-05/accounts/alice.tar.gz" alice`, parent, h.store)
	h.must("index", "d")
	if out := run(t, `rsync -aHAXcn --delete --itemize-changes "$1/alice/" "$2/2026-01-05/full/"`, parent, account); out != "" {
		t.Errorf("rsync sees differences:\n%s", out)
	}
	if out := run(t, `getfattr -n user.note --only-values "$1/latest/full/homedir" 2>/dev/null`, account); out != "late" {
		t.Errorf("attribute: %q", out)
	}
	if names, err := before.Readdirnames(-1); err != nil || len(names) == 0 {
		t.Errorf("who had a folder open: %v, %v", names, err)
	}
}

func TestReadingGoesOnWhilePassesRun(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	h.pack(parent, "alice", "2026-01-01")
	h.show()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				cmd := exec.Command("diff", "-r", "--no-dereference", filepath.Join(parent, "alice"), filepath.Join(h.account("d", "", "alice"), "2026-01-01/full"))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("read while a pass runs: %v\n%s", err, out)
					return
				}
			}
		})
	}
	for day := 2; day < 6; day++ {
		h.pack(parent, "alice", "2026-01-0"+strconv.Itoa(day))
		h.must("index", "d")
	}
	close(stop)
	readers.Wait()
}

func TestReplacedArchiveIsStaleNotMixed(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	archive := h.pack(parent, "alice", "2026-01-05")
	h.show()
	snapshot := filepath.Join(h.account("d", "", "alice"), "2026-01-05")
	run(t, `echo new >"$1/alice/homedir/public_html/new"; tar -C "$1" -czf "$2" alice; touch -d '2030-01-01' "$2"`, parent, archive)
	out, err := exec.Command("cat", filepath.Join(snapshot, "databases/alice_wp.sql")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Stale file handle") {
		t.Fatalf("reading a replaced archive: %v, %.200q", err, out)
	}
	h.must("index")
	run(t, `diff -r "$1/alice/homedir/public_html" "$2/files/public_html"`, parent, snapshot)
}

func TestDamageIsAnErrorNotOtherBytes(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	archive := h.pack(parent, "alice", "2026-01-05")
	h.show()
	content, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 4; i < len(content)*3/4; i += 50000 {
		content[i] ^= 0x40
	}
	if err := os.WriteFile(archive, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(archive, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	source, full := filepath.Join(parent, "alice"), filepath.Join(h.account("d", "", "alice"), "latest/full")
	failed := 0
	for name := range strings.SplitSeq(strings.TrimSuffix(run(t, `cd "$1"; find . -type f -print0`, source), "\x00"), "\x00") {
		want, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(full, name))
		if err != nil {
			failed++
		} else if !bytes.Equal(got, want) {
			t.Fatalf("%s: other bytes without an error", name)
		}
	}
	if failed == 0 {
		t.Fatal("no read noticed the damage")
	}
}

func TestKilledMountIsReplacedAndSecondMountRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.pack(hostedAccount(t, "alice"), "alice", "2026-01-05")
	h.show()
	if r := h.slotfs("mount", h.mnt); r.code == 0 || strings.Count(r.stderr, "\n") > 2 {
		t.Fatalf("second mount: %+v", r)
	}
	run(t, `pkill -9 -f "mount $1" || pkill -9 -f "$1"`, h.mnt)
	eventually(t, "dead mount", func() bool {
		_, err := os.ReadDir(h.mnt)
		return err != nil
	})
	h.must("mount", h.mnt)
	run(t, `ls "$1/d/accounts/alice/latest/files" >/dev/null; [ "$(grep -c " $1 " /proc/self/mountinfo)" = 1 ]`, h.mnt)
}

func TestKilledPassGoesOn(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.behind(0)
	parent := hostedAccount(t, "alice")
	run(t, `cd "$1/alice/homedir"; head -c 200000 /dev/urandom >video; truncate -s 320M video; head -c 36000000 /dev/urandom >>video`, parent)
	dir := filepath.Join(h.store, "2026-01-05/accounts")
	run(t, `mkdir -p "$2"; tar -C "$1" -cf - alice | gzip -1 >"$2/alice.tar.gz"`, parent, dir)
	h.add("d")
	link.Limit(1)
	link.Throttle(16_000_000)
	cmd := exec.Command(binary, "--config", filepath.Join(h.work, "slotfs.toml"), "--state-dir", filepath.Join(h.work, "state"), "index", "d")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A state is kept after 256 MiB, which are in the first few of the bytes that come. 16 MiB are on their way.
	received(t, link, 24_000_000)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	link.Throttle(0)
	if r := h.slotfs("--log-level", "info", "index"); r.code != 0 || !strings.Contains(r.stderr, "going on with an unfinished archive") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	h.mount()
	run(t, `cmp "$1/alice/homedir/video" "$2/latest/files/video"`, parent, h.account("d", "", "alice"))
}

func TestBusyUnmountIsLazy(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	h.pack(parent, "alice", "2026-01-05")
	h.show()
	f, err := os.Open(filepath.Join(h.account("d", "", "alice"), "latest/databases/alice_wp.sql"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	run(t, `pkill -TERM -f "mount.*$1"`, h.mnt)
	eventually(t, "unmounted", func() bool { return exec.Command("mountpoint", "-q", h.mnt).Run() != nil })
	want, err := os.ReadFile(filepath.Join(parent, "alice/mysql/alice_wp.sql"))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the open file after a lazy unmount: %v", err)
	}
}
