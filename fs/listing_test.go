package fs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/fs/fstest"
	"slotfs/indexer/backup"
)

func TestAHundredThousandNamesInOneDirectory(t *testing.T) {
	w := fstest.NewWorld()
	members := make([]fstest.Member, 100_000)
	for i := range members {
		members[i] = fstest.File(fmt.Sprintf("d/%06d", (i*7919)%len(members)), "x")
	}
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, members...)
	_, mnt := mount(t, config(w))
	dir := mnt + "/box/accounts/alice/2026-01-05/full/d"
	f, err := os.Open(dir)
	must(t, err)
	defer f.Close()
	got, err := f.Readdirnames(-1)
	must(t, err)
	if len(got) != len(members) || got[0] != "000000" || got[1] != "007919" {
		t.Fatalf("%d names, from %q", len(got), got[:min(2, len(got))])
	}
	slices.Sort(got)
	for i, name := range got {
		if name != fmt.Sprintf("%06d", i) {
			t.Fatalf("name %d is %s", i, name)
		}
	}
	if out := run(t, "find", dir, "-name", "09999?", "-size", "1c"); strings.Count(out, "\n") != 10 {
		t.Errorf("find: %q", out)
	}
}

func TestNamesThatCannotBeDoNotSpoilAListing(t *testing.T) {
	w := fstest.NewWorld()
	members := []fstest.Member{fstest.Dir("homedir.tar\x00"), fstest.File("a", "x"), fstest.File("z", "x")}
	for _, n := range []int{255, 256, 1024, 1025, 4000} {
		members = append(members, fstest.File(strings.Repeat("n", n), "x"))
	}
	members[0].Nlink = 2
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, members...)
	_, mnt := mount(t, config(w))
	full := mnt + "/box/accounts/alice/2026-01-05/full"
	if got, want := names(t, full), []string{"a", strings.Repeat("n", 255), "z"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if _, err := os.Stat(full + "/" + strings.Repeat("n", 256)); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("%v", err)
	}
	var st unix.Stat_t
	must(t, unix.Stat(full, &st))
	if st.Nlink != 2 {
		t.Errorf("%d links with no visible directory", st.Nlink)
	}
}

func TestSeekingInAListing(t *testing.T) {
	w := fstest.NewWorld()
	var members []fstest.Member
	for i := range 500 {
		members = append(members, fstest.File(fmt.Sprint("f", i), "x"))
	}
	members[7].Mode = backup.ModeChar | 0o666
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, members...)
	_, mnt := mount(t, config(w))
	fd, err := unix.Open(mnt+"/box/accounts/alice/2026-01-05/full", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	defer unix.Close(fd)
	all := dirents(t, fd, 64<<10)
	if len(all) != 501 {
		t.Fatalf("%d names", len(all))
	}
	for i, e := range all[:len(all)-1] {
		_, err := unix.Seek(fd, e.off, 0)
		must(t, err)
		rest := dirents(t, fd, 280)
		if len(rest) != len(all)-i-1 || rest[0].name != all[i+1].name {
			t.Fatalf("after %s: %d names, the first is %s", e.name, len(rest), rest[0].name)
		}
	}
}

type dirent struct {
	name string
	off  int64
}

// dirents reads a directory to its end, size bytes at a time.
func dirents(t testing.TB, fd, size int) []dirent {
	t.Helper()
	var all []dirent
	buf := make([]byte, size)
	for {
		n, err := unix.Getdents(fd, buf)
		must(t, err)
		if n == 0 {
			return all
		}
		for rest := buf[:n]; len(rest) > 0; {
			length := int(rest[16]) | int(rest[17])<<8
			var off int64
			for i := 7; i >= 0; i-- {
				off = off<<8 | int64(rest[8+i])
			}
			name, _, _ := strings.Cut(string(rest[19:length]), "\x00")
			all = append(all, dirent{name, off})
			rest = rest[length:]
		}
	}
}
