package acceptance

import (
	"os"
	"path/filepath"
	"testing"
)

// cached makes a host whose snapshots were read once through a mount that is gone again.
func cached(t *testing.T, size string) (h *host, source string, shown map[string]string) {
	t.Helper()
	h = newHost(t)
	source, shown = h.dated(someFiles)
	h.add("d")
	h.must("index")
	h.must("mount", "--cache-size", size, h.mnt)
	for _, from := range shown {
		run(t, `diff -r --no-dereference "$1" "$2"`, source, from)
	}
	h.must("umount", h.mnt)
	return h, source, shown
}

func (h *host) cacheDir() string { return filepath.Join(h.work, "state", "cache") }

func TestSecondReadNeedsNoNetwork(t *testing.T) {
	t.Parallel()
	h, source, shown := cached(t, "1GiB")
	h.server.Kill()
	h.mount("--cache-size", "1GiB")
	for _, from := range shown {
		j := start(t, "diff", "-r", "--no-dereference", source, from)
		if code := j.wait(t); code != 0 {
			t.Errorf("exit code %d\n%.1000s", code, j.output.String())
		}
	}
}

func TestFlippedBytesInTheCacheAreFetchedAgain(t *testing.T) {
	t.Parallel()
	h, source, shown := cached(t, "1GiB")
	flipped := 0
	err := filepath.Walk(h.cacheDir(), func(name string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		for i := 1000; i < len(content); i += 100_000 {
			content[i] ^= 0x40
			flipped++
		}
		if err == nil {
			err = os.WriteFile(name, content, info.Mode().Perm())
		}
		return err
	})
	if err != nil || flipped < 100 {
		t.Fatalf("%d bytes flipped: %v", flipped, err)
	}
	h.mount("--cache-size", "1GiB")
	for _, from := range shown {
		run(t, `diff -r --no-dereference "$1" "$2"`, source, from)
	}
}

func TestKilledMountLeavesACacheThatIsRight(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source, shown := h.dated(someFiles)
	h.add("d")
	h.must("index")
	h.must("mount", "--cache-size", "1GiB", h.mnt)
	j := start(t, "cp", "-a", shown["tree"], filepath.Join(t.TempDir(), "restored"))
	eventually(t, "something in the cache", func() bool {
		return run(t, `du -s "$1" | cut -f1`, h.cacheDir()) > "4"
	})
	run(t, `pkill -9 -f "$1"`, h.mnt)
	j.wait(t)
	h.mount("--cache-size", "1GiB")
	for _, from := range shown {
		run(t, `diff -r --no-dereference "$1" "$2"`, source, from)
	}
}

func TestCacheStaysBelowItsSize(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source, shown := h.dated(`for i in 1 2 3 4 5 6 7 8 9; do head -c 12000000 /dev/urandom >$i; done`)
	h.show("--cache-size", "64MiB")
	for _, from := range shown {
		run(t, `diff -r "$1" "$2"; [ "$(du -s -B1 --apparent-size "$3" | cut -f1)" -le $((64 << 20)) ]`, source, from, h.cacheDir())
	}
}

func TestFullDiskUnderTheCacheIsNoError(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	source, shown := h.dated(someFiles)
	h.add("d")
	h.must("index")
	run(t, `mkdir -p "$1"; mount -t tmpfs -o size=600m tmpfs "$1"`, h.cacheDir())
	t.Cleanup(func() { run(t, `umount -l "$1"`, h.cacheDir()) })
	h.mount("--cache-size", "1GiB")
	run(t, `head -c 4000000 "$1/large" >/dev/null; head -c 599M /dev/zero >"$2/filler" || true; diff -r "$3" "$1"`, shown["tree"], h.cacheDir(), source)
	run(t, `diff -r "$1" "$2"`, source, shown["archive"])
}
