package restore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

//check:without needs root
func TestEverythingArrivesWithWhatBelongsToIt(t *testing.T) {
	to := t.TempDir()
	hard := func(it *item) { it.Link = 77 }
	top := dir("top",
		file("a", "one").with(hard),
		dir("sub", file("b", "one").with(hard), file("empty", ""), link("l", "../a"),
			file("holes", strings.Repeat("\x00", 1<<20)+"end").with(func(it *item) {
				it.Extents = []backup.Extent{{Offset: 1 << 20, Length: 3}}
				it.Size += 5 << 20
			}),
			&item{Entry: Entry{Name: "pipe", Mode: backup.ModeFIFO | 0o666, UID: 5, MTime: backup.Nanoseconds(7)}}),
		file("x", "attributes").with(func(it *item) {
			it.Mode |= 0o6000
			it.Xattrs = []backup.Xattr{{Name: "user.a", Value: "b"}, {Name: "security.capability", Value: "\x01\x00\x00\x02"}}
		}),
		&item{Entry: Entry{Name: "device", Mode: backup.ModeChar | 0o666}},
	)
	out := well(t, top, Options{Place: place(t, to)})
	if want := (Summary{Files: 4, Bytes: 16, Directories: 1, Links: 2, Special: 1}); out.Summary != want {
		t.Errorf("%+v, want %+v", out.Summary, want)
	}
	holes := strings.Repeat("\x00", 1<<20) + "end" + strings.Repeat("\x00", 5<<20)
	wantState(t, to, map[string]string{"a": "one", "sub": "folder", "sub/b": "one", "sub/empty": "", "sub/l": "-> ../a", "x": "attributes",
		"sub/holes": fmt.Sprintf("%d bytes %x", len(holes), sha256.Sum256([]byte(holes))), "sub/pipe": "pipe"})
	if a, b := stat(t, to+"/a"), stat(t, to+"/sub/b"); a.Ino != b.Ino || a.Nlink != 2 {
		t.Errorf("two names are two files: %+v %+v", a, b)
	}
	for name, want := range map[string]unix.Stat_t{
		"sub":      {Mode: 0o040750, Uid: 1001, Gid: 1002, Mtim: unix.Timespec{Sec: 1_700_000_000, Nsec: 123_456_789}},
		"a":        {Mode: 0o100640, Uid: 1001, Gid: 1002, Mtim: unix.Timespec{Sec: 1_600_000_000, Nsec: 987_654_321}},
		"x":        {Mode: 0o100640, Uid: 1001, Gid: 1002, Mtim: unix.Timespec{Sec: 1_600_000_000, Nsec: 987_654_321}},
		"sub/l":    {Mode: 0o120777, Uid: 1001, Gid: 1002, Mtim: unix.Timespec{Sec: 1_500_000_000, Nsec: 1}},
		"sub/pipe": {Mode: 0o010666, Uid: 5, Mtim: unix.Timespec{Nsec: 7}},
	} {
		if got := stat(t, filepath.Join(to, name)); got.Mode != want.Mode || got.Uid != want.Uid || got.Gid != want.Gid || got.Mtim != want.Mtim {
			t.Errorf("%s: mode %o, owner %d:%d, time %+v", name, got.Mode, got.Uid, got.Gid, got.Mtim)
		}
	}
	if st := stat(t, to+"/sub/holes"); st.Blocks*512 > 1<<18 {
		t.Errorf("the holes take %d bytes", st.Blocks*512)
	}
	buf := make([]byte, 100)
	if n, err := unix.Getxattr(to+"/x", "user.a", buf); err != nil || string(buf[:n]) != "b" {
		t.Errorf("user.a: %q, %v", buf[:max(n, 0)], err)
	}
	if _, err := unix.Getxattr(to+"/x", "security.capability", buf); !errors.Is(err, unix.ENODATA) {
		t.Errorf("a file capability was restored: %v", err)
	}
}

func TestAgainIsNothingToDo(t *testing.T) {
	to := t.TempDir()
	hard := func(it *item) { it.Link = 77 }
	top := dir("top", file("a", "one").with(hard), dir("sub", file("b", "one").with(hard), link("l", "a")), file("c", "two"), &item{Entry: Entry{Name: "p", Mode: backup.ModeFIFO | 0o600}})
	well(t, top, Options{Place: place(t, to)})
	before := stat(t, to+"/a")
	out := well(t, top, Options{Place: place(t, to), Overwrite: true})
	if out.Same != 5 || out.Files+out.Directories+out.Links+out.Special+out.Replace != 0 || len(out.source.opened) != 0 {
		t.Errorf("%+v, opened %v", out.Summary, out.source.opened)
	}
	if after := stat(t, to+"/a"); after.Ino != before.Ino || after.Ctim != before.Ctim {
		t.Error("the file was written again")
	}
	alone := stat(t, to+"/c")
	if err := errors.Join(os.Chmod(to+"/a", 0o777), os.Chmod(to+"/c", 0o777)); err != nil {
		t.Fatal(err)
	}
	well(t, top, Options{Place: place(t, to), Overwrite: true})
	if got := stat(t, to+"/c"); got.Mode != 0o100640 || got.Ino != alone.Ino {
		t.Errorf("mode %o", got.Mode)
	}
	if a, b := stat(t, to+"/a"), stat(t, to+"/sub/b"); a.Mode != 0o100640 || a.Ino != b.Ino || a.Nlink != 2 {
		t.Errorf("a file with two names: %+v, %+v", a, b)
	}
}

func TestWhatIsThereStaysUnlessAskedFor(t *testing.T) {
	top := dir("top", file("changed", "new"), dir("folder", file("x", "x")), file("isdir", "y"), link("link", "to"), dir("islink", file("deep", "z")), file("new", "n"))
	outside := t.TempDir()
	lay := func() string {
		to := t.TempDir()
		for name, data := range map[string]string{"changed": "old", "folder": "a file", "link": "a file too"} {
			if err := os.WriteFile(filepath.Join(to, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.Mkdir(to+"/isdir", 0o700), os.Symlink(outside, to+"/islink")); err != nil {
			t.Fatal(err)
		}
		return to
	}
	to := lay()
	left := map[string]string{"changed": "old", "folder": "a file", "link": "a file too", "isdir": "folder", "islink": "-> " + outside}
	for _, rehearse := range []bool{true, false} {
		out := restored(t, top, Options{Place: place(t, to), Rehearse: rehearse})
		for _, name := range []string{"changed", "folder", "isdir", "link", "islink"} {
			if !errors.Is(out.failed["/"+name], ErrExists) && !errors.Is(out.failed[name], ErrExists) {
				t.Errorf("%s: %v", name, out.failed)
			}
		}
		if out.err != nil || out.Files != 1 || len(out.failed) != 5 {
			t.Errorf("%+v", out)
		}
		if rehearse {
			wantState(t, to, left)
		}
	}
	left["new"] = "n"
	wantState(t, to, left)

	to = lay()
	if out := restored(t, top, Options{Place: place(t, to), Overwrite: true, Rehearse: true}); out.Failed != 1 || out.Replace != 4 {
		t.Errorf("%+v", out)
	}
	out := restored(t, top, Options{Place: place(t, to), Overwrite: true})
	if !errors.Is(out.failed["isdir"], ErrExists) || out.Failed != 1 || out.Replace != 4 {
		t.Errorf("%+v", out)
	}
	wantState(t, to, map[string]string{"changed": "new", "folder": "folder", "folder/x": "x", "link": "-> to", "isdir": "folder", "islink": "folder", "islink/deep": "z",
		"new": "n"})
	wantState(t, outside, map[string]string{})
}

func TestFailuresAreToldAndLeaveNothingBehind(t *testing.T) {
	to := t.TempDir()
	long := strings.Repeat("n", 300)
	top := dir("top", file("lost", "data").with(func(it *item) { it.fails = errLost; it.Link = 5 }), file("other", "data").with(func(it *item) { it.Link = 5 }),
		file("short", "data").with(func(it *item) { it.Size = 100 }), file("..", "climbs"), file("a/b", "slash"), file("nul\x00", ""), file(long, "x"), file("good", "data"))
	out := restored(t, top, Options{Place: place(t, to)})
	if !errors.Is(out.failed["lost"], errLost) || !errors.Is(out.failed["other"], errFirst) || !errors.Is(out.failed["short"], errShort) ||
		!errors.Is(out.failed[long], unix.ENAMETOOLONG) || out.Failed != 7 || out.err != nil {
		t.Errorf("%+v", out)
	}
	wantState(t, to, map[string]string{"good": "data"})
}

func TestWhatBefallsEverythingEndsTheRun(t *testing.T) {
	to := t.TempDir()
	fails := func(it *item) { it.fails = fmt.Errorf("read: %w", dest.ErrUnreachable) }
	top := dir("top", file("good", "data"), file("lost", "data").with(fails))
	for i := range 1000 {
		top.below = append(top.below, file(fmt.Sprint("after", i), "data").with(fails))
	}
	out := restored(t, top, Options{Place: place(t, to)})
	if !errors.Is(out.err, dest.ErrUnreachable) || out.Failed != 0 || len(out.source.opened) > 100 {
		t.Errorf("%v, %d failed, %d opened", out.err, out.Failed, len(out.source.opened))
	}
	for name := range state(t, to) {
		if name != "good" {
			t.Errorf("%s is there", name)
		}
	}
}

func TestInterruptionLeavesWholeFilesOnly(t *testing.T) {
	to := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	top := dir("top", file("first", "1"), dir("sub", file("big", strings.Repeat("x", 5<<20)).with(func(it *item) {
		reads := 0
		it.read = func(string) error {
			if reads++; reads == 3 {
				cancel()
			}
			return nil
		}
	})), file("last", "2"))
	_, err := Run(ctx, []Root{{Source: &fake{}, Entry: top.entry()}}, Options{Place: place(t, to), Workers: 1, Window: 1})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wantState(t, to, map[string]string{"first": "1", "sub": "folder"})
	top.below[1].below[0].read = nil
	out := well(t, top, Options{Place: place(t, to)})
	if out.Same != 1 || out.Files != 2 {
		t.Errorf("%+v", out.Summary)
	}
	if got := stat(t, to+"/sub"); got.Mode != 0o040750 || got.Mtim.Nsec != 123_456_789 {
		t.Errorf("the folder that was there has mode %o, time %+v", got.Mode, got.Mtim)
	}
}

func TestWhatAKilledRunLeftIsRemovedUnlessItIsInUse(t *testing.T) {
	to := t.TempDir()
	top := dir("top", dir("sub", file("a", "b")), file(tempPrefix+"own", "the backup's own"))
	well(t, top, Options{Place: place(t, to)})
	for _, name := range []string{tempPrefix + "DEAD", "sub/" + tempPrefix + "DEAD", "sub/" + tempPrefix + "LIVE"} {
		if err := os.WriteFile(filepath.Join(to, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("x", filepath.Join(to, tempPrefix+"LINK")); err != nil {
		t.Fatal(err)
	}
	live, err := os.Open(filepath.Join(to, "sub", tempPrefix+"LIVE"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	if err := unix.Flock(int(live.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	well(t, top, Options{Place: place(t, to)})
	wantState(t, to, map[string]string{"sub": "folder", "sub/a": "b", "sub/" + tempPrefix + "LIVE": "", tempPrefix + "own": "the backup's own"})
}

func TestFilesAreOpenedInOrderAndBesideEachOther(t *testing.T) {
	to := t.TempDir()
	top := dir("top")
	var want []string
	for i := range 200 {
		name := fmt.Sprint("f", i)
		want = append(want, name)
		top.below = append(top.below, file(name, strings.Repeat("x", i)))
	}
	out := well(t, top, Options{Place: place(t, to), Workers: 8, Window: 1000})
	if !slices.Equal(out.source.opened, want) {
		t.Errorf("opened %v", out.source.opened)
	}
}
