package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// acl gives user 12345 the right to read and search: version 2, then tag, permissions and id of each entry, as
// posix_acl_xattr.h of Linux has them.
const acl = "\x02\x00\x00\x00" + "\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x05\x00\x39\x30\x00\x00" + "\x04\x00\x05\x00\xff\xff\xff\xff" +
	"\x10\x00\x05\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"

func TestListsOfTheTargetAreNotInherited(t *testing.T) {
	to := t.TempDir()
	if err := unix.Setxattr(to, defaultACL, []byte(acl), 0); err != nil {
		t.Fatal(err)
	}
	top := dir("top", file("plain", "x"), dir("sub", file("deep", "x")),
		dir("own", file("inside", "x")).with(func(it *item) { it.Xattrs = []backup.Xattr{{Name: defaultACL, Value: acl}} }))
	well(t, top, Options{Place: place(t, to)})
	for name, want := range map[string]bool{"plain": false, "sub": false, "sub/deep": false, "own/inside": false, "own": true} {
		for _, attribute := range []string{accessACL, defaultACL} {
			_, err := unix.Getxattr(filepath.Join(to, name), attribute, nil)
			if got := err == nil; got != (want && attribute == defaultACL) {
				t.Errorf("%s: %s: %v", name, attribute, err)
			}
		}
	}
}

func TestAListIsNotNarrowedByTheMode(t *testing.T) {
	to := t.TempDir()
	lists := func(it *item) {
		it.Mode = it.Mode&^backup.ModePerm | 0o701 // the list says more for its mask, and less for others
		it.Xattrs = []backup.Xattr{{Name: accessACL, Value: acl}}
	}
	top := dir("top", file("file", "x").with(lists), dir("sub").with(lists), (&item{Entry: Entry{Name: "pipe", Mode: backup.ModeFIFO}}).with(lists))
	well(t, top, Options{Place: place(t, to)})
	for name, want := range map[string]uint32{"file": 0o100750, "sub": 0o040750, "pipe": 0o010750} {
		buf := make([]byte, 100)
		n, err := unix.Getxattr(filepath.Join(to, name), accessACL, buf)
		if err != nil || string(buf[:n]) != acl || stat(t, filepath.Join(to, name)).Mode != want {
			t.Errorf("%s: mode %o, list %q, %v", name, stat(t, filepath.Join(to, name)).Mode, buf[:max(n, 0)], err)
		}
	}
}

//check:without needs root
func TestOneInvalidAttributeLeavesTheOthersAlone(t *testing.T) {
	to := t.TempDir()
	top := dir("top", file("bad", "x").with(func(it *item) {
		it.Mode = backup.ModeRegular | 0o676
		it.Xattrs = []backup.Xattr{{Name: "nonsense", Value: "1"}, {Name: accessACL, Value: "no list"}, {Name: "user." + strings.Repeat("n", 300), Value: "2"},
			{Name: "user.z", Value: "3"}}
	}))
	out := restored(t, top, Options{Place: place(t, to)})
	if err := out.failed["bad"]; err == nil || out.Files != 1 || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), accessACL) {
		t.Errorf("%+v", out)
	}
	buf := make([]byte, 10)
	if n, err := unix.Getxattr(to+"/bad", "user.z", buf); err != nil || string(buf[:n]) != "3" {
		t.Errorf("user.z: %v", err)
	}
	// What the mode gives the group is what the list gives everybody in it.
	if st := stat(t, to+"/bad"); st.Mode != 0o100606 || st.Uid != 1001 || st.Mtim.Nsec != 987_654_321 {
		t.Errorf("mode %o, owner %d, time %v", st.Mode, st.Uid, st.Mtim)
	}
}

//check:without needs root
func TestSecurityAttributesAreSetOnRequestOnly(t *testing.T) {
	for _, asked := range []bool{false, true} {
		to := t.TempDir()
		top := dir("top", file("a", "x").with(func(it *item) {
			it.Xattrs = []backup.Xattr{{Name: capability, Value: "\x01\x00\x00\x02"}, {Name: "security.other", Value: "o"}, {Name: "security.test", Value: "t"}}
		}))
		o := Options{Place: place(t, to)}
		if asked {
			o.Security = []string{"security.test", capability}
		}
		well(t, top, o)
		for name, want := range map[string]bool{capability: false, "security.other": false, "security.test": asked} {
			if _, err := unix.Getxattr(to+"/a", name, nil); (err == nil) != want {
				t.Errorf("asked %v: %s: %v", asked, name, err)
			}
		}
	}
}

//check:without needs root
func TestADirectoryThatWasMadeGetsTheAttributesOfTheDirectory(t *testing.T) {
	for _, made := range []bool{true, false} {
		to := t.TempDir()
		p := place(t, to)
		p.Made = made
		well(t, dir("top", file("a", "x")), Options{Place: p})
		if got := stat(t, to); (got.Mode == 0o040750 && got.Uid == 1001 && got.Mtim.Nsec == 123_456_789) != made {
			t.Errorf("made %v: mode %o, owner %d, time %v", made, got.Mode, got.Uid, got.Mtim)
		}
	}
}

// TestAnybodyRestoresAsHimself runs itself again as nobody.
func TestAnybodyRestoresAsHimself(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	to := t.TempDir()
	well(t, dir("top", file("a", "x").with(func(it *item) { it.Xattrs = []backup.Xattr{{Name: "trusted.x", Value: "y"}} }),
		dir("closed", file("b", "x")).with(func(it *item) { it.Mode = backup.ModeDir | 0o500 }), link("l", "a")), Options{Place: place(t, to)})
	wantState(t, to, map[string]string{"a": "x", "closed": "folder", "closed/b": "x", "l": "-> a"})
	if got := stat(t, to+"/closed"); got.Mode != 0o040500 || int(got.Uid) != os.Geteuid() {
		t.Errorf("mode %o, owner %d", got.Mode, got.Uid)
	}
	if err := os.Chmod(to+"/closed", 0o700); err != nil { // so that it can be removed
		t.Fatal(err)
	}
}

func asNobody(t *testing.T) {
	t.Helper()
	own, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	dir, err := os.MkdirTemp("", "restore") // one that others may enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "test")
	to, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, own); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

//check:without needs root
func TestSomebodyWhoPutsLinksInTheWayGainsNothing(t *testing.T) {
	to, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(outside+"/x", []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	exchange := func(string) error { // while the first file is read, its directory is moved away and a link stands there
		return errors.Join(os.Rename(to+"/sub", to+"/moved"), os.Symlink(outside, to+"/sub"))
	}
	hard := func(it *item) { it.Link = 9 }
	top := dir("top", dir("sub", file("first", "1").with(func(it *item) { it.read = exchange; hard(it) }), file("x", "2"), link("l", "x")),
		file("again", "1").with(hard))
	out := restored(t, top, Options{Place: place(t, to), Workers: 1, Window: 1, Overwrite: true})
	if out.err != nil || out.failed["again"] == nil {
		t.Errorf("%+v", out)
	}
	wantState(t, outside, map[string]string{"x": "precious"})
	if got := stat(t, outside+"/x"); got.Mode != 0o100600 || got.Uid != 0 {
		t.Errorf("mode %o, owner %d", got.Mode, got.Uid)
	}
	wantState(t, to+"/moved", map[string]string{"first": "1", "x": "2", "l": "-> x"})
}

//check:without needs root
func TestAFileThatHasANameElsewhereIsReplacedAndNotGivenAway(t *testing.T) {
	to, outside := t.TempDir(), t.TempDir()
	top := dir("top", file("a", "one"))
	well(t, top, Options{Place: place(t, to)})
	if err := errors.Join(os.Chmod(to+"/a", 0o600), os.Chown(to+"/a", 0, 0), os.Link(to+"/a", outside+"/precious")); err != nil {
		t.Fatal(err)
	}
	if out := well(t, top, Options{Place: place(t, to), Overwrite: true}); out.Replace != 1 {
		t.Errorf("%+v", out.Summary)
	}
	if got := stat(t, outside+"/precious"); got.Mode != 0o100600 || got.Uid != 0 || got.Nlink != 1 {
		t.Errorf("outside: mode %o, owner %d, %d names", got.Mode, got.Uid, got.Nlink)
	}
	if got := stat(t, to+"/a"); got.Mode != 0o100640 || got.Uid != 1001 {
		t.Errorf("restored: mode %o, owner %d", got.Mode, got.Uid)
	}
}

func TestTheWindowLetsSmallFilesBeReadTogetherAndLargeOnesAlone(t *testing.T) {
	w := newWindow(100)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	for _, n := range []int64{40, 40, 1000} { // the third one begins while there is room
		if err := w.enter(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	entered := make(chan error, 1)
	go func() { entered <- w.enter(ctx, 1) }()
	for _, n := range []int64{80, 900} {
		select {
		case err := <-entered:
			t.Fatalf("entered before %d bytes were given back: %v", n, err)
		default:
		}
		w.leave(n)
	}
	w.leave(1)
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	cancel(errLost)
	if err := w.enter(ctx, 1); !errors.Is(err, errLost) { // there is no room
		t.Errorf("waiting ended with %v", err)
	}
}

func TestPlanCountsEachFileOnce(t *testing.T) {
	hard := func(it *item) { it.Link = 9 }
	top := dir("top", file("a", "12345").with(hard), file("b", "12345").with(hard), dir("sub", file("c", "123"), link("l", "c")))
	var told counted64
	bytes, err := Plan(t.Context(), []Root{{Source: &fake{}, Entry: top.entry()}}, &told)
	if err != nil || bytes != 8 || fmt.Sprint(told) != "{3 8}" {
		t.Errorf("%d bytes, told %v, %v", bytes, told, err)
	}
}

type counted64 struct{ files, bytes int64 }

func (c *counted64) Planned(files, bytes int64) { c.files += files; c.bytes += bytes }
func (c *counted64) Sent(int64, int64)          {}
