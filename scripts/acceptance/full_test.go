// Package acceptance holds tests of the built program against things that nobody here wrote: a real sshd, the
// system's tar, gzip and pigz, and trees compared by rsync, find and cmp.
package acceptance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// packers are the ways to lay a backup of parent/user on a destination. Each gets the source's parent, the user
// and the accounts directory.
var packers = []struct {
	name   string
	script string
	nanos  bool // the format keeps fractions of seconds
	xattrs bool // the format keeps extended attributes
	links  bool // the format keeps hard links
}{
	{"gnu tar, gzip", `tar -C "$1" --format=gnu -cf - "$2" | gzip >"$3/$2.tar.gz"`, false, false, true},
	{"posix tar, cPanel's pigz", `tar -C "$1" --format=posix --xattrs --acls -cf - "$2" | pigz -6 --processes 1 --blocksize 4096 --rsyncable >"$3/$2.tar.gz"`, true, true, true},
	{"gnu tar, sparse, pigz", `tar -C "$1" --format=gnu --sparse -cf - "$2" | pigz >"$3/$2.tar.gz"`, false, false, true},
	{"posix tar, sparse 1.0, stored", `tar -C "$1" --format=posix --sparse --sparse-version=1.0 --xattrs --acls -cf "$3/$2.tar" "$2"`, true, true, true},
	{"posix tar, sparse 0.0, gzip -1", `tar -C "$1" --format=posix --sparse --sparse-version=0.0 --xattrs --acls -cf - "$2" | gzip -1 >"$3/$2.tar.gz"`, true, true, true},
	{"posix tar, sparse 0.1, members", `tar -C "$1" --format=posix --sparse --sparse-version=0.1 --xattrs --acls -cf - "$2" | split -b 700k --filter 'gzip -9' - >"$3/$2.tar.gz"`, true, true, true},
	{"tree", `cp -a "$1/$2" "$3/$2"`, false, false, false},
}

func TestFullEqualsWhatWasBackedUp(t *testing.T) {
	t.Parallel()
	for _, p := range packers {
		t.Run(p.name, func(t *testing.T) {
			h := newHost(t)
			source := nastyAccount(t, "alice", p.nanos)
			accounts := filepath.Join(h.store, "2026-01-05", "accounts")
			run(t, `mkdir -p "$3"; `+p.script, source, "alice", accounts)
			h.add("d")
			h.must("index", "d")
			h.mount()
			withoutSetID(t, filepath.Join(source, "alice"))
			full := filepath.Join(h.account("d", "", "alice"), "2026-01-05", "full")
			compareTrees(t, filepath.Join(source, "alice"), full, p.xattrs, p.links)
			compareRanges(t, filepath.Join(source, "alice"), full)
			restored := filepath.Join(t.TempDir(), "restored")
			run(t, `cp -a "$1" "$2"`, full, restored)
			compareTrees(t, filepath.Join(source, "alice"), restored, p.xattrs, p.links)
			run(t, `diff -r --no-dereference -x pipe "$1" "$2"`, filepath.Join(source, "alice"), full)
		})
	}
}

// compareTrees expects rsync and find to see no difference.
func compareTrees(t *testing.T, want, got string, xattrs, links bool) {
	t.Helper()
	flags := "-ac"
	format := `%y %m %U %G %T@ %l %p\0`
	if links {
		flags += "H"
		format = `%y %m %U %G %T@ %n %l %p\0`
	}
	if xattrs {
		flags += "AX"
	}
	if out := run(t, `rsync "$3" -n --delete --itemize-changes --specials "$1/" "$2/"`, want, got, flags); out != "" {
		t.Errorf("rsync sees differences:\n%s", out)
	}
	equal(t, "attributes", find(t, want, format), find(t, got, format))
	equal(t, "sizes", sizesOfFiles(t, want), sizesOfFiles(t, got))
}

// equal compares two lists line by line.
func equal(t *testing.T, what, want, got string) {
	t.Helper()
	if want != got {
		t.Errorf("%s differ:\n%s", what, run(t, `diff <(printf %s "$1") <(printf %s "$2") | head -20 || true`, want, got))
	}
}

func sizesOfFiles(t *testing.T, dir string) string {
	t.Helper()
	return run(t, `cd "$1"; find . ! -type d -printf '%s %p\0' | LC_ALL=C sort -z | tr '\0' '\n'`, dir)
}

// compareRanges reads random ranges of the large files of both trees.
func compareRanges(t *testing.T, want, got string) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"homedir/random", "homedir/sparse", "homedir/block+1", "homedir/all-hole"} {
		a, errA := os.Open(filepath.Join(want, name))
		b, errB := os.Open(filepath.Join(got, name))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		info, err := a.Stat()
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			off, n := random.Int64N(info.Size()), 1+random.IntN(300000)
			left, right := make([]byte, n), make([]byte, n)
			na, _ := a.ReadAt(left, off)
			nb, err := b.ReadAt(right, off)
			if na != nb || string(left[:na]) != string(right[:nb]) {
				t.Fatal(fmt.Errorf("%s: %d bytes at %d differ (%d, %v)", name, n, off, nb, err))
			}
		}
		a.Close()
		b.Close()
	}
}
