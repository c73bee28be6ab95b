package acceptance

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// changes happen to a remote file while it is read. Each gets the file and one of the same size with other bytes.
var changes = []struct {
	name, script string
}{
	{"rewritten in place", `cat "$2" >"$1"`},
	{"overwritten in part", `dd if="$2" of="$1" bs=1M seek=20 skip=20 conv=notrunc status=none`},
	{"replaced", `cp "$2" "$1.new"; mv "$1.new" "$1"`},
	{"truncated", `truncate -s 5M "$1"`},
	{"deleted", `rm "$1"`},
}

func TestFileThatChangesWhileItIsReadIsNeverMixed(t *testing.T) {
	t.Parallel()
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t)
			h.behind(5 * time.Millisecond)
			source, shown := h.dated(`head -c 40000000 /dev/zero | tr '\0' A >large; touch -d '2026-01-01 12:00:00' large; echo x >other`)
			other := filepath.Join(t.TempDir(), "other")
			run(t, `head -c 40000000 /dev/zero | tr '\0' B >"$1"`, other)
			h.show("-o", "read_deadline=10s")
			f, err := os.Open(shown["tree"] + "/large")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			before := make([]byte, 1<<20)
			if _, err := f.ReadAt(before, 0); err != nil {
				t.Fatal(err)
			}
			run(t, c.script, filepath.Join(h.store, "2026-01-05/accounts/alice/homedir/large"), other)
			expectOnly(t, f, 'A', 40_000_000)
			// Nobody has it open any more: the next one who opens it meets what is there, or what is still cached.
			f.Close()
			run(t, `echo 3 >/proc/sys/vm/drop_caches; cmp "$2/other" "$1/other"`, shown["tree"], source)
			if g, err := os.Open(shown["tree"] + "/large"); err == nil {
				expectOnly(t, g, 'A', 40_000_000)
				g.Close()
			} else if !errors.Is(err, unix.ESTALE) && !errors.Is(err, unix.EIO) {
				t.Errorf("open: %v", err)
			}
			r := h.slotfs("index")
			if r.code != 0 {
				t.Fatalf("index: exit code %d\n%s", r.code, r.stderr)
			}
			run(t, `diff -r "$1" "$2"`, filepath.Join(h.store, "2026-01-05/accounts/alice/homedir"), shown["tree"])
		})
	}
}

// expectOnly reads a file from its start and fails the test at a byte that is another one. Reads may end with ESTALE
// or EIO.
func expectOnly(t *testing.T, f *os.File, want byte, size int64) {
	t.Helper()
	p := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(p)) {
		n, err := f.ReadAt(p[:min(int64(len(p)), size-off)], off)
		if rest := bytes.TrimLeft(p[:n], string(want)); len(rest) > 0 {
			t.Fatalf("byte %d is %q", off+int64(n-len(rest)), rest[0])
		}
		if err != nil && !errors.Is(err, unix.ESTALE) && !errors.Is(err, unix.EIO) {
			t.Fatalf("read at %d: %v", off, err)
		}
	}
}
