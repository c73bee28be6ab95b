package restore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// owned makes a directory of a user's.
func owned(t *testing.T, dir string, uid int, mode uint32) {
	t.Helper()
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, uid, uid), unix.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
}

const alice, bob = 30001, 30002

//check:without needs root
func TestRootGoesNowhereThatSomebodyElseLeads(t *testing.T) {
	top := t.TempDir()
	for _, d := range []struct {
		name string
		uid  int
		mode uint32
	}{
		{"etc", 0, 0o755}, {"home", 0, 0o755}, {"home/alice", alice, 0o711}, {"home/alice/own", alice, 0o755}, {"home/alice/roots", 0, 0o755},
		{"home/alice/own/bob", bob, 0o755}, {"open", 0, 0o777}, {"open/x", 0, 0o755}, {"tmp", 0, 0o1777}, {"tmp/roots", 0, 0o755}, {"tmp/alice", alice, 0o755},
		{"tmp/alice/bob", bob, 0o755}, {"group", 0, 0o775}, {"group/x", 0, 0o755}, {"acl", 0, 0o755}, {"acl/x", 0, 0o755}, {"home/shared", alice, 0o2775},
		{"home/shared/x", alice, 0o755},
	} {
		owned(t, filepath.Join(top, d.name), d.uid, d.mode)
	}
	// Group root is root's; a list lets somebody else write all the same.
	list := "\x02\x00\x00\x00" + "\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x07\x00\x31\x75\x00\x00" + "\x04\x00\x05\x00\xff\xff\xff\xff" +
		"\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x05\x00\xff\xff\xff\xff"
	err := errors.Join(os.Chown(top+"/group", 0, 50), unix.Setxattr(top+"/acl", accessACL, []byte(list), 0), os.Symlink(top+"/etc", top+"/home/alice/link"),
		os.Symlink("../etc", top+"/home/roots"), os.Symlink("etc", top+"/owned"), os.Lchown(top+"/owned", alice, alice), os.Symlink("loop", top+"/loop"),
		os.Symlink("../etc", top+"/tmp/link"), os.Symlink("nowhere", top+"/dangling"))
	if err != nil {
		t.Fatal(err)
	}
	unsafe := func(err error) bool { return errors.As(err, new(*UnsafeError)) }
	for p, want := range map[string]func(error) bool{
		"etc": nil, "home/alice": nil, "home/alice/own": nil, "home/roots": nil, "tmp": nil, "tmp/roots": nil, "tmp/alice": nil, "open": nil, "new": nil,
		"home/alice/new": nil, "tmp/new": nil, "home/../etc": nil, "home/roots/new": nil,
		"home/alice/link": unsafe, "home/alice/link/x": unsafe, "home/alice/roots": unsafe, "home/alice/own/bob": unsafe, "open/x": unsafe, "open/new": unsafe,
		"owned": unsafe, "tmp/alice/bob": unsafe, "tmp/link": unsafe, "group/x": unsafe, "group/new": unsafe, "acl/x": unsafe, "home/shared/x": unsafe,
		"home/shared/new": unsafe,
		"loop":            func(err error) bool { return errors.Is(err, unix.ELOOP) },
		"none/new":        func(err error) bool { return errors.Is(err, fs.ErrNotExist) },
		"dangling":        func(err error) bool { return errors.Is(err, fs.ErrNotExist) },
	} {
		place, err := Locate(Destination{Path: filepath.Join(top, p)})
		if want == nil && err != nil || want != nil && !want(err) {
			t.Errorf("%s: %v", p, err)
		}
		if place != nil {
			place.Close()
		}
	}
}

func TestOneFileMayGetAnotherName(t *testing.T) {
	top := t.TempDir()
	if err := os.WriteFile(top+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path      string
		file      bool
		dir, name string
		err       error
	}{
		{"/file", true, "", "file", nil}, {"/new", true, "", "new", nil}, {"/file", false, "", "", ErrNoDirectory}, {"/file/", true, "", "", ErrNoDirectory},
		{"/new/", true, "/new", "", nil}, {"/none/x", true, "", "", fs.ErrNotExist},
	} {
		p, err := Locate(Destination{Path: top + c.path, File: c.file})
		if !errors.Is(err, c.err) || err == nil && (p.Dir != top+c.dir || p.Name != c.name) {
			t.Errorf("%s: %+v, %v", c.path, p, err)
		}
		if p != nil {
			p.Close()
		}
	}
}

// TestNobodyLeadsRootAwayWhileItRestores lets the owner of a directory exchange what lies on the way and below for links
// as fast as he can.
//
//check:without needs root
func TestNobodyLeadsRootAwayWhileItRestores(t *testing.T) {
	top := t.TempDir()
	if err := os.Chmod(filepath.Dir(top), 0o755); err != nil {
		t.Fatal(err)
	}
	home, victim := filepath.Join(top, "alice"), filepath.Join(top, "victim")
	owned(t, home, alice, 0o755)
	owned(t, victim, 0, 0o755)
	before := stat(t, victim)
	for _, p := range []string{home + "/x", home + "/x/sub"} {
		exchange(t, p, victim)
	}
	backup := dir("top", file("a", "1"), dir("sub", file("b", "2"), dir("deep", file("c", "3"))))
	reached, refused := 0, 0
	for reached+refused < 2000 && (reached < 100 || refused < 100) {
		place, err := Locate(Destination{Path: home + "/x", Private: true})
		if err != nil {
			refused++
			continue
		}
		reached++
		_, _ = Run(t.Context(), []Root{{Source: &fake{}, Entry: backup.entry()}}, Options{Place: place, Overwrite: true, Workers: 2, Window: 1 << 20})
	}
	wantState(t, victim, map[string]string{})
	if after := stat(t, victim); after.Ctim != before.Ctim || after.Mode != before.Mode || after.Uid != 0 {
		t.Error("the victim changed")
	}
	if reached == 0 || refused == 0 {
		t.Errorf("the race was not tried: %d runs, %d refused", reached, refused)
	}
}

// exchange has alice make p a directory, nothing and a link in turn until the test ends.
func exchange(t *testing.T, p, victim string) {
	t.Helper()
	const script = `my ($p, $v) = @ARGV; print "on\n"; close STDOUT;
		while (1) { rename $p, "$p.$$"; symlink $v, $p; unlink $p; rename "$p.$$", $p; mkdir $p; rmdir "$p.$$" }`
	cmd := exec.Command("perl", "-e", script, p, victim)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: alice, Gid: alice}}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := io.ReadAll(out); err != nil { // it is at it
		t.Fatal(err)
	}
}
