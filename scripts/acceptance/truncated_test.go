package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryWholeFileOfATruncatedArchiveComesBack compares what the mount and restore give of archives that were cut with what
// gzip -dc | tar -x does.
func TestEveryWholeFileOfATruncatedArchiveComesBack(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := nastyAccount(t, "alice", true)
	run(t, `cd "$1/alice/homedir"; seq 1 40000 >public_html/numbers.txt; seq 1 30000 | sed 's/$/ and so on/' >zz-last.txt`, parent)
	days := cutArchives(t, h, parent)
	h.add("d")
	if r := h.slotfs("index", "d"); r.code != 3 {
		t.Fatalf("index: %d %s", r.code, r.stderr)
	}
	h.mount()
	compareCuts(t, h, days, "mounted")
	log, err := os.ReadFile(filepath.Join(h.mnt, ".slotfs", "errors.log"))
	if err != nil || !bytes.Contains(log, []byte("the backup ends here")) {
		t.Errorf("errors.log: %v\n%s", err, log)
	}
	h.must("umount", h.mnt)
	compareCuts(t, h, days, "direct")
}

// cutArchives writes archives of an account that were cut at several places, and what tar makes of them, by snapshot.
func cutArchives(t *testing.T, h *host, parent string) map[string]string {
	t.Helper()
	days := map[string]string{}
	for i, pack := range []string{"gzip", "pigz -6 --processes 1 --blocksize 4096 --rsyncable", "split -b 100000 --filter=gzip", "cat"} {
		for j, share := range []int{40, 98} {
			day := fmt.Sprintf("2026-0%d-1%d", i+1, j)
			to := t.TempDir()
			run(t, `mkdir -p "$1/$2/accounts"; cd "$1/$2/accounts"; f=alice.tar.gz; [ "$4" != cat ] || f=alice.tar
				tar -C "$3" -cf - alice | $4 >all; head -c $(($(stat -c %s all) * $5 / 100)) all >$f; rm all
				if [ "$4" = cat ]; then cat $f; else gzip -dc $f 2>/dev/null || true; fi | tar -C "$6" -xf - 2>/dev/null || true`,
				h.store, day, parent, pack, fmt.Sprint(share), to)
			days[day+".truncated"] = to
		}
	}
	return days
}

// compareCuts reads every snapshot by cp and restore. What tar gave whole has to be whole, the rest has to fail.
func compareCuts(t *testing.T, h *host, days map[string]string, how string) {
	t.Helper()
	kept := 0
	for day, want := range days {
		to := filepath.Join(t.TempDir(), how)
		path := "d/accounts/alice/" + day
		r := h.slotfs("restore", "--partial", path+"/full/", to)
		if r.code != 3 || !strings.Contains(r.stderr, day+" is truncated") {
			t.Errorf("restore of %s: %d %s", day, r.code, r.stderr)
		}
		// rsync lists the files of tar's that are not the same here. The last one of them was cut, and is here in part.
		out := run(t, `rsync -rlc --itemize-changes --dry-run "$1/alice/" "$2/" | grep '^>f' | cut -c13- || true`, want, to)
		for _, name := range strings.Fields(out) {
			part, err := os.ReadFile(filepath.Join(to, name+".partial"))
			all, readErr := os.ReadFile(filepath.Join(want, "alice", name))
			if readErr != nil || err != nil && len(all) > 0 || !bytes.HasPrefix(part, all) && !bytes.HasPrefix(all, part) {
				t.Errorf("%s: %s: %v; %d bytes kept, tar has %d", day, name, err, len(part), len(all))
			}
			kept += len(part)
		}
		if n := len(strings.Fields(out)); n > 1 {
			t.Errorf("%s: tar gives what restore does not: %s", day, out)
		}
		if how != "mounted" {
			continue
		}
		run(t, `cp -r "$1/." "$2" 2>/dev/null || true; cd "$3"; find . -name '*.partial' -prune -o -type f -print0 | while IFS= read -rd '' f; do cmp "$f" "$2/$f"; done`,
			filepath.Join(h.mnt, path, "full"), t.TempDir(), to)
	}
	if kept == 0 {
		t.Error("nothing of a cut file was kept")
	}
}

// TestRestoreFromADamagedArchiveNamesWhatMayBeWrong changes a bit in a file that compresses to itself, so that only the checksum
// at the end of the archive tells.
func TestRestoreFromADamagedArchiveNamesWhatMayBeWrong(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := t.TempDir()
	run(t, `mkdir -p "$1/alice/cp" "$1/alice/homedir/public_html" "$2/2026-01-05/accounts"; echo USER=alice >"$1/alice/cp/alice"
		head -c 200000 /dev/urandom >"$1/alice/homedir/public_html/noise"
		tar -C "$1" -cf - alice | pigz -0 >"$2/2026-01-05/accounts/alice.tar.gz"
		printf X | dd of="$2/2026-01-05/accounts/alice.tar.gz" bs=1 seek=100000 conv=notrunc status=none`, parent, h.store)
	h.add("d")
	if r := h.slotfs("index", "d"); r.code != 3 {
		t.Fatalf("index: %d %s", r.code, r.stderr)
	}
	const path = "d/accounts/alice/2026-01-05.corrupt/files/public_html/noise"
	for _, how := range []string{"direct", "mounted"} {
		to := t.TempDir()
		r := h.slotfs("restore", path, to)
		if r.code != 3 || !strings.Contains(r.stderr, "2026-01-05.corrupt is corrupt") || !strings.Contains(r.stderr, "alice/homedir/public_html/noise") {
			t.Errorf("%s: %d\n%s", how, r.code, r.stderr)
		}
		if out := run(t, `cmp "$1" "$2" || true`, filepath.Join(parent, "alice/homedir/public_html/noise"), filepath.Join(to, "noise")); out == "" {
			t.Errorf("%s: the file is right, and the test has no point", how)
		}
		if how == "direct" {
			h.mount()
		}
	}
}
