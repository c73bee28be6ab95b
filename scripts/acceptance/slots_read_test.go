package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/indexer/manifest"
)

// addSlots adds the store as a destination of slots, and a job that backs up one directory as the account of its name.
func (h *host) addSlots(job, source string, flags ...string) {
	h.t.Helper()
	h.must("destination", "add", "own", "--engine", "slots", "--host", h.server.Host, "--port", itoa(h.server.Port),
		"--username", h.server.Username, "--directory", h.store, "--identity-file", h.server.Identity, "--accept-host-key", h.print)
	h.must(append([]string{"job", "add", job, "--destination", "own", "--source", source}, flags...)...)
}

func itoa(n int) string { text, _ := json.Marshal(n); return string(text) }

// newest is the directory that `latest` of an account leads to.
func (h *host) newest(user string) string {
	h.t.Helper()
	at := h.account("own", "nightly", user)
	name, err := os.Readlink(filepath.Join(at, "latest"))
	if err != nil {
		h.t.Fatal(err)
	}
	return filepath.Join(at, name)
}

// sameThroughMount expects a slot to show the source as it is, attributes and content.
func sameThroughMount(t *testing.T, source, full string) {
	t.Helper()
	if out := run(t, `rsync -aHAXcn --delete --itemize-changes --specials "$1/" "$2/"`, source, full); out != "" {
		t.Errorf("rsync sees differences:\n%s", out)
	}
	compareTrees(t, source, full, true, true)
}

func TestSlotsShowTheSourceAsItWas(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source := filepath.Join(nastyAccount(t, "alice", true), "alice")
	withoutSetID(t, source)
	h.addSlots("nightly", source, "--retention", "2")
	h.must("sync", "nightly")
	h.must("index", "own")
	h.mount()
	first := h.newest("alice")
	sameThroughMount(t, source, filepath.Join(first, "full"))
	compareRanges(t, source, filepath.Join(first, "full"))
	if _, err := os.Stat(filepath.Join(first, "files", "public_html", "index.php")); err != nil {
		t.Error(err)
	}
	before := filepath.Join(t.TempDir(), "before")
	run(t, `cp -a "$1" "$2"`, source, before)
	run(t, `cd "$1/homedir"; echo more >>empty; rm -r mail; ln links/first links/fourth; mv random moved; setfattr -n user.new -v 1 moved
chown 1:1 block+1; printf changed | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none; mkdir -p new/dir; echo new >new/dir/file`, source)
	h.must("sync", "nightly")
	h.must("index", "own")
	second := h.newest("alice")
	if second == first {
		t.Fatalf("latest is %s still", first)
	}
	sameThroughMount(t, source, filepath.Join(second, "full"))
	sameThroughMount(t, before, filepath.Join(first, "full"))
	run(t, `cd "$1/homedir"; echo third >third`, source)
	h.must("sync", "nightly")
	h.must("index", "own")
	sameThroughMount(t, source, filepath.Join(h.newest("alice"), "full"))
	if all := strings.Fields(run(t, `ls "$1"`, h.account("own", "nightly", "alice"))); len(all) != 3 {
		t.Errorf("two slots are shown as %q", all)
	}
}

func TestCompressedSlotShowsTheSourceAsItWas(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source := filepath.Join(nastyAccount(t, "alice", true), "alice")
	withoutSetID(t, source)
	h.addSlots("nightly", source, "--retention", "2", "--mode", "compressed")
	h.must("sync", "nightly")
	h.must("index", "own")
	h.mount()
	newest := h.newest("alice")
	sameThroughMount(t, source, filepath.Join(newest, "full"))
	compareRanges(t, source, filepath.Join(newest, "full"))
	run(t, `gzip -t "$1"/archive/*.tar.gz`, newest)
}

func TestHomeDirectoryInASlotIsShownWhole(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source := filepath.Join(nastyAccount(t, "alice", true), "alice", "homedir")
	withoutSetID(t, source)
	h.addSlots("nightly", source, "--retention", "3", "--account-name", "alice", "--before",
		`echo "create table t;" >"$SLOTFS_STAGING/shop.sql"`)
	h.must("sync", "nightly")
	h.must("index", "own")
	h.mount()
	newest := h.newest("alice")
	run(t, `rsync -aHAXcn --delete --itemize-changes --exclude=/.slotfs-staged "$1/" "$2/files/" | grep -v '^\.d.*\./$' && exit 1 || true`, source, newest)
	if got := run(t, `cat "$1/databases/shop.sql"`, newest); got != "create table t;\n" {
		t.Errorf("staged dump: %q", got)
	}
}

func TestSlotThatIsReadIsNotOverwritten(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source := filepath.Join(t.TempDir(), "alice")
	run(t, `mkdir "$1"; echo one >"$1/a"`, source)
	h.addSlots("nightly", source, "--retention", "2")
	h.must("sync", "nightly")
	run(t, `echo two >"$1/a"`, source)
	h.must("sync", "nightly")
	h.must("index", "own")
	h.mount()
	all := strings.Fields(run(t, `cd "$1"; ls -d 2*`, h.account("own", "nightly", "alice")))
	f, err := os.Open(filepath.Join(h.account("own", "nightly", "alice"), all[0], "full", "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	eventually(t, "held", func() bool {
		holds, _ := filepath.Glob(filepath.Join(h.store, "nightly", "alice", "slot-01", "hold.*"))
		return len(holds) == 1
	})
	run(t, `echo three >"$1/a"`, source)
	h.must("sync", "nightly")
	if got := run(t, `cat "$1"`, f.Name()); got != "one\n" {
		t.Errorf("what was held reads %q", got)
	}
	if got := run(t, `cat "$1"/nightly/alice/slot-02/data/a`, h.store); got != "three\n" {
		t.Errorf("the other slot has %q", got)
	}
}

// A backup that is being replaced gives an error, not the new content, until the next pass has seen it.
func TestOverwrittenSlotIsStaleInTheMount(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source := filepath.Join(t.TempDir(), "alice")
	run(t, `mkdir "$1"; echo aaaa >"$1/a"; echo same >"$1/b"`, source)
	h.addSlots("nightly", source, "--retention", "1")
	h.must("sync", "nightly")
	h.must("index", "own")
	h.mount()
	first := h.newest("alice")
	slot := filepath.Join(h.store, "nightly", "alice", "slot-01")
	// As a writer does that is killed right after it began; size and time of the file stay.
	beginUpdate(t, filepath.Join(slot, "state.json"))
	run(t, `touch -r "$1/data/a" "$1/stamp"; echo bbbb >"$1/data/a"; touch -r "$1/stamp" "$1/data/a"`, slot)
	for _, name := range []string{"a", "b"} {
		if out := run(t, `cat "$1" 2>&1 || true`, filepath.Join(first, "full", name)); !strings.Contains(out, "Stale file handle") {
			t.Errorf("%s reads %q", name, out)
		}
	}
	if r := h.slotfs("index", "own"); r.code != 3 {
		t.Errorf("index ended with %d: %s", r.code, r.stderr)
	}
	shown := run(t, `ls "$1"`, h.account("own", "nightly", "alice"))
	if !strings.HasSuffix(shown, ".incomplete\n") || strings.Contains(shown, "latest") {
		t.Errorf("an interrupted slot is shown as %q", shown)
	}
}

// beginUpdate makes the state of a slot that of one which is being overwritten.
func beginUpdate(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	state, err := manifest.DecodeState(text)
	if err != nil {
		t.Fatal(err)
	}
	state.Phase, state.BaseGen, state.Gen = manifest.Updating, state.Gen, state.Gen+1
	if text, err = state.Encode(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name+"~", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+"~", name); err != nil {
		t.Fatal(err)
	}
}
