package fs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/fs/fstest"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// memory is the content of a world, all of it in memory.
type memory struct{ w *fstest.World }

var _ Content = memory{}

func (m memory) Open(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it tree.Item) (File, error) {
	path := it.Link
	if path == "" {
		var err error
		if path, err = t.Path(ctx, it.Number); err != nil {
			return nil, err
		}
	}
	data, err := m.w.Read(s, path)
	return fstest.Bytes(data), err
}

func (m memory) OpenOriginal(_ context.Context, s *backup.Snapshot, n int) (File, error) {
	return fstest.Bytes(strings.Repeat("x", int(s.Files[n].Size))), nil
}

func (m memory) Deadline() time.Duration { return time.Hour }

// config shows a world.
func config(w *fstest.World) Config {
	return Config{
		Destinations: func() []string { return []string{"box"} },
		Catalog:      w, Nodes: w.Store,
		Content: func(string) Content { return memory{w} },
	}
}

// mount mounts c and takes it away at the end of the test, at which nothing may be left.
func mount(t testing.TB, c Config, tune ...func(*raw)) (*Server, string) {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	r := newRaw(t.Context(), c)
	for _, f := range tune {
		f(r)
	}
	m, err := serve(t.Context(), dir, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			abort(dir)
		}
		if err := m.Unmount(); err != nil {
			t.Error(err)
		}
		m.Wait()
		if left := mounts(dir); len(left) > 0 {
			t.Errorf("left mounted: %v", left)
		}
	})
	return m, dir
}

// abort ends what waits for a mount that a failed test may have left without answers: it could not be killed.
func abort(dir string) {
	for _, m := range mounts(dir) {
		if ours(m) {
			// Without fusectl there is nothing to be done.
			_ = os.WriteFile("/sys/fs/fuse/connections/"+strconv.Itoa(m.Minor)+"/abort", []byte("1"), 0)
		}
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("mounting needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Fatal(err)
	}
}

// run runs a command and returns what it printed.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, stderr.String())
	}
	return string(out)
}

func write(t testing.TB, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// difficult makes a directory with everything that a backup of a home directory may have.
func difficult(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	for _, d := range []string{"", "cp", "homedir", "homedir/mail/example.com/info/cur", "homedir/empty", "homedir/new\nline"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	home := filepath.Join(dir, "homedir")
	write(t, dir+"/cp/alice", "DNS=example.com\n")
	write(t, home+"/plain", strings.Repeat("0123456789abcdef", 40000))
	write(t, home+"/none", "")
	write(t, home+"/\xff\xfe not utf-8", "latin")
	write(t, home+"/"+strings.Repeat("n", 255), "long")
	write(t, home+"/mail/example.com/info/cur/1:2,S", "Subject: hello\n")
	must(t, os.Symlink("plain", home+"/link"))
	must(t, os.Symlink("/etc/passwd", home+"/outside"))
	must(t, os.Symlink(strings.Repeat("t", 4000), home+"/longlink"))
	must(t, os.Link(home+"/plain", home+"/second"))
	must(t, os.Link(home+"/plain", home+"/mail/third"))
	must(t, unix.Mkfifo(home+"/fifo", 0o600))
	must(t, os.Chmod(home+"/mail", 0o751|os.ModeSticky))
	must(t, os.Chmod(home+"/none", 0))
	must(t, os.Chown(home+"/none", 1001, 1002))
	must(t, unix.Setxattr(home+"/plain", "user.empty", nil, 0))
	must(t, unix.Setxattr(home+"/plain", "user.note", []byte("a\x00b"), 0))
	run(t, "setfacl", "-m", "u:1234:r", home+"/plain")
	sparse(t, home+"/sparse")
	old := unix.NsecToTimespec(-12345678901234567)
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, home+"/\xff\xfe not utf-8", []unix.Timespec{old, old}, 0))
	return dir
}

// sparse makes a file of 10 MiB with data at 1 MiB and at the end.
func sparse(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("s", 64<<10)), 1<<20)
	must(t, errors.Join(err, f.Truncate(10<<20)))
	_, err = f.WriteAt([]byte("end"), 10<<20-3)
	must(t, errors.Join(err, f.Close()))
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// len is how many things are open.
func (h *handles[T]) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.open)
}
