package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// snapshot is where a snapshot of one account is shown, without the mountpoint.
const snapshot = "d/accounts/alice/2026-01-05"

func TestRestoreEqualsWhatWasBackedUpWithAndWithoutAMount(t *testing.T) {
	t.Parallel()
	for _, p := range packers {
		t.Run(p.name, func(t *testing.T) {
			h := newHost(t)
			parent := nastyAccount(t, "alice", p.nanos)
			source := filepath.Join(parent, "alice")
			device := filepath.Join(source, "homedir", "null")
			mkdev(t, device)
			const settle = `touch -d '2025-06-07 08:09:10 UTC' "$(dirname "$1")"`
			run(t, settle, device)
			run(t, `mkdir -p "$3"; `+p.script, parent, "alice", filepath.Join(h.store, "2026-01-05", "accounts"))
			run(t, `rm "$1"; `+settle, device)
			h.add("d")
			h.must("index", "d")
			withoutSetID(t, source)
			restored := t.TempDir()
			compare := func(name string) {
				t.Helper()
				to := filepath.Join(restored, name)
				compareTrees(t, source, to, p.xattrs, p.links)
				run(t, `diff -r --no-dereference -x pipe "$1" "$2"; [ -z "$(find "$2" -name '.slotfs-restore-*')" ]`, source, to)
			}
			h.must("restore", snapshot+"/full/", filepath.Join(restored, "direct"))
			compare("direct")
			h.mount()
			h.must("restore", snapshot+"/full", filepath.Join(restored, "mounted")+"/")
			run(t, `mv "$1/mounted/full" "$1/m"`, restored)
			compare("m")
			if p.name == packers[1].name || p.name == "tree" {
				restoredAsByCp(t, h, restored)
			}
		})
	}
}

// restoredAsByCp compares what restore and cp -a make of all that is shown of an account: parts, generated files, originals.
func restoredAsByCp(t *testing.T, h *host, dir string) {
	t.Helper()
	run(t, `cp -a "$1" "$2"; cp -a "$1/2026-01-05/files" "$2/cp"`, filepath.Join(h.mnt, "d/accounts/alice"), dir)
	h.must("restore", snapshot+"/files", dir)
	h.must("restore", "d/accounts/alice/", filepath.Join(dir, "all"))
	h.must("umount", h.mnt)
	h.must("restore", "d/accounts/alice/", filepath.Join(dir, "all-direct"))
	h.must("restore", "d/accounts/alice/latest", dir)
	if out := run(t, `cd "$1"; for pair in cp=files alice=all alice=all-direct alice/2026-01-05=latest; do
		rsync -aHAXcn --delete --itemize-changes --specials "${pair%=*}/" "${pair#*=}/"; done`, dir); out != "" {
		t.Errorf("cp -a and restore differ:\n%s", out)
	}
}

func TestRestoreReadsAnArchiveOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"tar.gz", "tar"} {
		t.Run(kind, func(t *testing.T) {
			h := newHost(t)
			link := h.behind(2 * time.Millisecond)
			parent := hostedAccount(t, "alice")
			run(t, `cd "$1/alice/homedir"; `+someFiles, parent)
			pack := `mkdir -p "$2"; tar -C "$1" -cf - alice | ` + map[string]string{"tar": `cat >"$2/alice.tar"`, "tar.gz": `pigz >"$2/alice.tar.gz"`}[kind]
			run(t, pack, parent, filepath.Join(h.store, "2026-01-05/accounts"))
			h.add("d")
			h.must("index", "d")
			info, err := os.Stat(filepath.Join(h.store, "2026-01-05/accounts/alice."+kind))
			if err != nil {
				t.Fatal(err)
			}
			restored := filepath.Join(t.TempDir(), "to")
			_, before := link.Bytes()
			h.must("restore", snapshot+"/full/", restored)
			_, after := link.Bytes()
			t.Logf("%d bytes came for an archive of %d", after-before, info.Size())
			if after-before > info.Size()*11/10+200_000 {
				t.Errorf("%d bytes came for an archive of %d", after-before, info.Size())
			}
			run(t, `diff -r --no-dereference "$1/alice" "$2"`, parent, restored)
		})
	}
}

func TestInterruptedRestoreLeavesNoHalfFileAndGoesOn(t *testing.T) {
	t.Parallel()
	for _, signal := range []string{"KILL", "INT"} {
		t.Run(signal, func(t *testing.T) {
			h := newHost(t)
			link := h.behind(2 * time.Millisecond)
			source, _ := h.dated(someFiles)
			h.add("d")
			h.must("index", "d")
			for _, at := range []string{snapshot, "d/accounts/alice/2026-01-06"} {
				to := filepath.Join(t.TempDir(), "to")
				args := []string{"--config", filepath.Join(h.work, "slotfs.toml"), "--state-dir", filepath.Join(h.work, "state"), "restore", at + "/files/", to}
				j := start(t, binary, args...)
				received(t, link, 9_000_000)
				run(t, `kill -$1 $2`, signal, strconv.Itoa(j.cmd.Process.Pid))
				if code := j.wait(t); signal == "INT" && code != 130 {
					t.Errorf("exit code %d\n%s", code, j.output.String())
				}
				run(t, `cd "$1"; find . -type f ! -name '.slotfs-restore-*' -exec cmp {} "$2/{}" \;`, to, source)
				if left := run(t, `find "$1" -name '.slotfs-restore-*'`, to); signal == "INT" && left != "" {
					t.Errorf("left behind:\n%s", left)
				}
				var done struct{ Same, Files, Failed int64 }
				out := h.must("--json", "restore", at+"/files/", to)
				if err := json.Unmarshal([]byte(out), &done); err != nil || done.Same == 0 || done.Files == 0 || done.Failed != 0 {
					t.Errorf("%v\n%s", err, out)
				}
				run(t, `diff -r "$1" "$2"; [ -z "$(find "$2" -name '.slotfs-restore-*')" ]`, source, to)
				out = run(t, `rsync -an --itemize-changes "$1/" "$2/" | grep -v ' \./$' || true`, source, to)
				if out != "" {
					t.Errorf("rsync sees differences:\n%s", out)
				}
			}
		})
	}
}

func TestRestoreFollowsNoLinkAndReplacesNothingUnasked(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source, _ := h.dated(someFiles + `
mkdir -p public_html/sub; echo index >public_html/index.php; echo deep >public_html/sub/x; echo one >first; ln first second`)
	h.add("d")
	h.must("index", "d")
	at := "d/accounts/alice/2026-01-06/files/"
	to, outside := filepath.Join(t.TempDir(), "to"), t.TempDir()
	run(t, `mkdir "$1"; echo precious >"$2/index.php"; ln -s "$2" "$1/public_html"; echo mine >"$1/large"; ln -s "$2/made" "$1/second"; mkfifo "$1/first"`, to, outside)
	r := h.slotfs("restore", at, to)
	if r.code != 3 || strings.Count(r.stderr, "something else is there already") != 4 || !strings.Contains(r.stderr, "--overwrite") {
		t.Errorf("%+v", r)
	}
	unharmed := func() {
		t.Helper()
		if got := run(t, `cat "$1/index.php"; ls -A "$1"`, outside); got != "precious\nindex.php\n" {
			t.Errorf("outside: %q", got)
		}
	}
	unharmed()
	if got := run(t, `cat "$1/large"; diff -r "$2/small" "$1/small"`, to, source); got != "mine\n" {
		t.Errorf("large: %q", got)
	}
	if r := h.slotfs("restore", "--dry-run", "--overwrite", at, to); r.code != 0 || !strings.Contains(r.stdout, "would restore") {
		t.Errorf("%+v", r)
	}
	if got := run(t, `cat "$1/large"`, to); got != "mine\n" {
		t.Errorf("a dry run wrote: %q", got)
	}
	h.must("restore", "--overwrite", at, to)
	unharmed()
	if out := run(t, `rsync -aHAXcn --delete --itemize-changes "$1/" "$2/"`, source, to); out != "" {
		t.Errorf("rsync sees differences:\n%s", out)
	}
}

func TestRestoreOfOneFileAndWrongUsage(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source, _ := h.dated(`echo one >first; mkdir dir; ln -s dir link`)
	h.add("d")
	h.must("index", "d")
	to := t.TempDir()
	files := "d/accounts/alice/latest/files"
	h.must("restore", files+"/first", filepath.Join(to, "renamed"))
	h.must("restore", files+"/first", files+"/link", to)
	run(t, `cmp "$1/first" "$2/first"; cmp "$1/first" "$2/renamed"; [ "$(readlink "$2/link")" = dir ]`, source, to)
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{files + "/nothing", to}, 1, "nothing"},
		{[]string{files}, 2, "DIRECTORY is missing"},
		{[]string{files + "/first/", to}, 1, "not a directory"},
		{[]string{files + "/first", "d/accounts/alice/2026-01-05/files/first", to}, 2, "the same name"},
		{[]string{files, to + "/first"}, 2, "not a directory"},
		{[]string{files, to + "/a/b/c"}, 1, "no such file"},
	} {
		if r := h.slotfs(append([]string{"restore"}, c.args...)...); r.code != c.code || !strings.Contains(r.stderr, c.text) || strings.Count(r.stderr, "\n") > 3 {
			t.Errorf("%v: %+v", c.args, r)
		}
	}
}

func TestFullDiskIsOneLineAndRestoreGoesOn(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source, _ := h.dated(someFiles)
	h.add("d")
	h.must("index", "d")
	disk := t.TempDir()
	run(t, `mount -t tmpfs -o size=8M none "$1"`, disk)
	t.Cleanup(func() { run(t, `umount "$1"`, disk) })
	for _, at := range []string{snapshot, "d/accounts/alice/2026-01-06"} {
		to := filepath.Join(disk, filepath.Base(at))
		r := h.slotfs("restore", "--quiet", at+"/files/", to)
		if r.code != 1 || r.stderr != "slotfs: restore to "+to+": no space left\nslotfs: hint: make room; the same command goes on where this one stopped\n" {
			t.Errorf("%+v", r)
		}
		run(t, `cd "$1"; find . -type f -exec cmp {} "$2/{}" \;`, to, source)
		run(t, `mount -o remount,size=100M "$1"`, disk)
		h.must("restore", at+"/files/", to)
		run(t, `diff -r "$1" "$2"; mount -o remount,size=8M "$3" || { rm -r "$2"; mount -o remount,size=8M "$3"; }`, source, to, disk)
	}
}

func TestRestoreOutlivesAccidentsOfTheNetworkAndSaysWhenItIsGone(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.behind(2 * time.Millisecond)
	source, _ := h.dated(someFiles)
	h.add("d")
	h.must("index", "d")
	for _, at := range []string{snapshot, "d/accounts/alice/2026-01-06"} {
		for _, accident := range accidents {
			to := filepath.Join(t.TempDir(), "to")
			j := start(t, binary, "--config", filepath.Join(h.work, "slotfs.toml"), "--state-dir", filepath.Join(h.work, "state"), "restore", at+"/files/", to)
			received(t, link, 9_000_000)
			accident.happen(t, h, link)
			if code := j.wait(t); code != 0 {
				t.Errorf("%s: exit code %d\n%s", accident.name, code, j.output.String())
			}
			run(t, `diff -r "$1" "$2"`, source, to)
		}
	}
	run(t, `sed -i 's/^max-retries.*//; s/^\[destination.d\]/&\nmax-retries = 1/' "$1"`, filepath.Join(h.work, "slotfs.toml"))
	h.server.Kill()
	r := h.slotfs("restore", snapshot+"/files", filepath.Join(t.TempDir(), "to"))
	if r.code != 5 || strings.Count(r.stderr, "slotfs: ") != 2 || !strings.Contains(r.stderr, "goes on where this one stopped") {
		t.Errorf("%+v", r)
	}
}

func TestRestoreThroughTheMountReadsAnArchiveOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.behind(2 * time.Millisecond)
	source, shown := h.dated(someFiles)
	h.add("d")
	h.must("index", "d")
	h.mount("--cache-size", "0")
	info, err := os.Stat(filepath.Join(h.store, "2026-01-06/accounts/alice.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(t.TempDir(), "to")
	_, before := link.Bytes()
	h.must("restore", strings.TrimPrefix(shown["archive"], h.mnt)+"/", restored)
	_, after := link.Bytes()
	t.Logf("%d bytes came for an archive of %d", after-before, info.Size())
	if after-before > info.Size()*11/10+200_000 {
		t.Errorf("%d bytes came for an archive of %d", after-before, info.Size())
	}
	run(t, `diff -r "$1" "$2"`, source, restored)
}
