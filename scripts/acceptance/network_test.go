package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/sftpdest/sshdtest"
)

// behind puts a line in front of the host's server, which add then uses.
func (h *host) behind(rtt time.Duration) *sshdtest.Link {
	h.t.Helper()
	link, err := sshdtest.Proxy(h.server.Address(), rtt)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { link.Close() })
	h.port = link.Port
	return link
}

// dated lays an account with a home directory that fill makes on the store, as a tree and as an archive, and
// returns where its home is shown for each.
func (h *host) dated(fill string) (source string, shown map[string]string) {
	h.t.Helper()
	source = filepath.Join(h.t.TempDir(), "src")
	run(h.t, `
mkdir -p "$1/alice/cp" "$1/alice/homedir"; echo USER=alice >"$1/alice/cp/alice"; cd "$1/alice/homedir"
`+fill+`
mkdir -p "$2/2026-01-05/accounts" "$2/2026-01-06/accounts"
cp -a "$1/alice" "$2/2026-01-05/accounts/"; tar -C "$1" -I 'gzip -1' -cf "$2/2026-01-06/accounts/alice.tar.gz" alice`, source, h.store)
	return filepath.Join(source, "alice/homedir"), map[string]string{
		"tree":    filepath.Join(h.account("d", "", "alice"), "2026-01-05/files"),
		"archive": filepath.Join(h.account("d", "", "alice"), "2026-01-06/files"),
	}
}

// someFiles is a home directory with a large file among many small ones.
const someFiles = `
mkdir small; head -c 1600000 /dev/urandom | (cd small && split -a 4 -b 4000 -d)
head -c 30000000 /dev/urandom >large; mkdir more; head -c 800000 /dev/urandom | (cd more && split -a 4 -b 4000 -d)`

// job is a command that runs beside the test. It is killed when the test ends.
type job struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
}

func start(t *testing.T, name string, args ...string) *job {
	t.Helper()
	j := &job{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	j.cmd.Env = append(os.Environ(), "LC_ALL=C")
	j.cmd.Stdout, j.cmd.Stderr = &j.output, &j.output
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		j.cmd.Wait()
		close(j.ended)
	}()
	t.Cleanup(func() { j.cmd.Process.Kill() })
	return j
}

// wait returns the exit code. A command that does not end fails the test.
func (j *job) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-j.ended:
		return j.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%v hangs", j.cmd.Args)
	}
	return -1
}

// running reports whether the command still runs.
func (j *job) running() bool {
	select {
	case <-j.ended:
		return false
	default:
		return true
	}
}

// received waits until n more bytes came through the line.
func received(t *testing.T, link *sshdtest.Link, n int64) {
	t.Helper()
	_, before := link.Bytes()
	eventually(t, fmt.Sprintf("%d bytes more", n), func() bool {
		_, down := link.Bytes()
		return down >= before+n
	})
}

// accidents end connections in the middle of a transfer; each returns when the network is well again.
var accidents = []struct {
	name   string
	happen func(t *testing.T, h *host, link *sshdtest.Link)
}{
	{"cut", func(t *testing.T, h *host, link *sshdtest.Link) { link.Cut() }},
	{"reset", func(t *testing.T, h *host, link *sshdtest.Link) { link.Reset() }},
	{"one connection after the other, the newest first", func(t *testing.T, h *host, link *sshdtest.Link) {
		for range 10 {
			link.ResetNewest()
			time.Sleep(50 * time.Millisecond)
		}
	}},
	{"silence", func(t *testing.T, h *host, link *sshdtest.Link) {
		link.Stall()
		time.Sleep(2 * time.Second)
		link.Resume()
	}},
	{"sshd killed and restarted", func(t *testing.T, h *host, link *sshdtest.Link) {
		h.server.Kill()
		time.Sleep(time.Second)
		if err := h.server.Restart(); err != nil {
			t.Fatal(err)
		}
	}},
}

func TestCopyGoesOnAfterAccidents(t *testing.T) {
	t.Parallel()
	for _, a := range accidents {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			link := h.behind(10 * time.Millisecond)
			source, shown := h.dated(someFiles)
			h.show()
			for kind, from := range shown {
				to := filepath.Join(t.TempDir(), "restored")
				j := start(t, "cp", "-a", from, to)
				received(t, link, 2<<20)
				a.happen(t, h, link)
				if code := j.wait(t); code != 0 {
					t.Fatalf("cp from a %s: exit code %d\n%.2000s", kind, code, j.output.String())
				}
				run(t, `diff -r --no-dereference "$1" "$2"`, source, to)
			}
		})
	}
}

func TestPassGoesOnAfterAccidents(t *testing.T) {
	t.Parallel()
	for _, a := range accidents {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			link := h.behind(10 * time.Millisecond)
			source, shown := h.dated(someFiles + `
mkdir -p many/{1..200}; touch many/{1..200}/{a,b,c}`)
			h.add("d")
			j := start(t, binary, "--config", filepath.Join(h.work, "slotfs.toml"), "--state-dir", filepath.Join(h.work, "state"), "index", "d")
			received(t, link, 200<<10)
			a.happen(t, h, link)
			if code := j.wait(t); code != 0 {
				t.Fatalf("exit code %d\n%.2000s", code, j.output.String())
			}
			h.mount()
			for _, from := range shown {
				run(t, `diff -r --no-dereference "$1" "$2"`, source, from)
			}
		})
	}
}

func TestLongSilenceIsAnErrorAndThenReadingWorksAgain(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.behind(10 * time.Millisecond)
	source, shown := h.dated(someFiles)
	h.show("-o", "read_deadline=3s")
	for kind, from := range shown {
		to := t.TempDir()
		j := start(t, "cp", from+"/large", to)
		received(t, link, 1<<20)
		link.Stall()
		if code := j.wait(t); code != 1 || !strings.Contains(j.output.String(), "Input/output error") {
			t.Errorf("cp from a silent %s: exit code %d\n%.2000s", kind, code, j.output.String())
		}
		link.Resume()
		run(t, `cmp "$1/large" "$2/large"; diff -r "$1/more" "$2/more"`, source, from)
	}
	if log := run(t, `cat "$1/.slotfs/errors.log"`, h.mnt); !strings.Contains(log, "files/large") {
		t.Errorf("errors.log does not tell of the file:\n%s", log)
	}
}

func TestSlowLineIsReadOver(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.behind(10 * time.Millisecond)
	source, shown := h.dated(`mkdir small; head -c 200000 /dev/urandom | (cd small && split -a 4 -b 4000 -d); head -c 1000000 /dev/urandom >large`)
	h.show()
	link.Throttle(500_000)
	for _, from := range shown {
		run(t, `diff -r "$1" "$2"`, source, from)
	}
}

func TestKillEndsABlockedReaderAtOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.behind(0)
	_, shown := h.dated(someFiles)
	h.show("-o", "read_deadline=1h")
	for kind, from := range shown {
		for i, signal := range []os.Signal{os.Interrupt, os.Kill} {
			link.Resume()
			// On a slow machine the connection may have been given up meanwhile. What was not read before is in no cache.
			eventually(t, "the destination answers again", func() bool {
				_, err := os.ReadFile(filepath.Join(from, "small", fmt.Sprintf("x%04d", i)))
				return err == nil
			})
			run(t, `dd if="$1/large" iflag=nocache count=0 status=none`, from)
			link.Stall()
			j := start(t, "cat", from+"/large")
			time.Sleep(300 * time.Millisecond)
			if !j.running() {
				t.Fatalf("cat of a silent %s does not wait: %.200s", kind, j.output.String())
			}
			j.cmd.Process.Signal(signal)
			j.wait(t)
		}
	}
}

func TestListingsNeverNoticeADeadNetwork(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.behind(0)
	_, shown := h.dated(`mkdir a; echo x >a/b; ln -s a l`)
	h.add("d")
	h.must("index")
	look := func() {
		t.Helper()
		for _, command := range []string{`ls -laR "$1" >/dev/null`, `find "$1" -printf '%s %u %T@ %l\n' >/dev/null`, `df "$1"`, `stat -f "$1"`,
			`stat "$2/a/b"`, `du -s "$1"`, `cat "$1/.slotfs/status.json"`, `getfattr -d -m- "$2/a/b" 2>&1 | grep 'not supported'`} {
			j := start(t, "bash", "-euc", command, "-", h.mnt, shown["tree"])
			if code := j.wait(t); code != 0 {
				t.Errorf("%s: exit code %d\n%s", command, code, j.output.String())
			}
		}
	}
	link.Stall()
	h.mount()
	look()
	h.must("umount", h.mnt)
	link.Cut()
	h.server.Kill()
	h.must("mount", h.mnt)
	look()
	if err := h.server.Restart(); err != nil {
		t.Fatal(err)
	}
	link.Resume()
	run(t, `[ "$(cat "$1/a/b")" = x ]`, shown["tree"])
}

func TestDeadDestinationDoesNotSlowAnother(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	dead := h.behind(0)
	source, shown := h.dated(someFiles)
	h.add("d")
	alive := h.behind(0)
	h.add("e")
	h.must("index")
	h.mount("-o", "read_deadline=1h") // longer than patience: who waits for the dead one hangs
	dead.Stall()
	var blocked []*job
	for i := range 20 {
		blocked = append(blocked, start(t, "cat", fmt.Sprintf("%s/small/x%04d", shown["tree"], i)))
	}
	blocked = append(blocked, start(t, "cat", shown["archive"]+"/large"))
	time.Sleep(300 * time.Millisecond)
	for _, at := range shown {
		j := start(t, "diff", "-r", source, strings.Replace(at, h.mnt+"/d/", h.mnt+"/e/", 1))
		if code := j.wait(t); code != 0 {
			t.Errorf("exit code %d\n%.2000s", code, j.output.String())
		}
	}
	// Where many wait for a dead destination some give up early; nobody gets bytes.
	for _, j := range blocked {
		if !j.running() && !strings.Contains(j.output.String(), "Input/output error") {
			t.Errorf("%v was not blocked: %.200s", j.cmd.Args, j.output.String())
		}
	}
	blocked = slices.DeleteFunc(blocked, func(j *job) bool { return !j.running() })
	if len(blocked) == 0 {
		t.Error("nobody waits")
	}
	_ = alive
	dead.Resume()
	for _, j := range blocked {
		if code := j.wait(t); code != 0 {
			t.Errorf("%v after the silence: exit code %d", j.cmd.Args, code)
		}
	}
}

func TestServerThatAllowsOneConnection(t *testing.T) {
	t.Parallel()
	h := newHostWith(t, sshdtest.Options{MaxSessions: 1})
	link := h.behind(5 * time.Millisecond)
	link.Limit(1)
	source, shown := h.dated(someFiles)
	h.show()
	for _, from := range shown {
		run(t, `diff -r --no-dereference "$1" "$2"`, source, from)
	}
}

func TestForbiddenDirectoryInATree(t *testing.T) {
	t.Parallel()
	run(t, `id slotreader >/dev/null 2>&1 || useradd -M -p '*' -u 47112 slotreader`)
	t.Cleanup(func() { run(t, `userdel slotreader`) })
	h := newHostWith(t, sshdtest.Options{User: "slotreader"})
	source, shown := h.dated(`mkdir -p a/open a/closed b; echo 1 >a/open/file; echo 2 >a/closed/file; echo 3 >b/file; echo 4 >b/secret`)
	run(t, `d=$1; while [ "$d" != / ]; do chmod o+x "$d"; d=$(dirname "$d"); done
chmod 0700 "$1/2026-01-05/accounts/alice/homedir/a/closed"; chmod 0600 "$1/2026-01-05/accounts/alice/homedir/b/secret"`, h.store)
	h.add("d")
	r := h.slotfs("index")
	if r.code != 3 || !strings.Contains(r.stdout+r.stderr, "incomplete: the server did not let us read 1 directory or link: homedir/a/closed") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	h.mount()
	tree := shown["tree"]
	if _, err := os.Stat(tree); errors.Is(err, os.ErrNotExist) {
		all, _ := filepath.Glob(filepath.Join(h.account("d", "", "alice"), "2026-01-05*/files"))
		if len(all) != 1 {
			t.Fatalf("no snapshot of the tree: %s", run(t, `ls -R "$1" | head -40`, h.account("d", "", "alice")))
		}
		tree = all[0]
	}
	run(t, `cmp "$1/a/open/file" "$2/a/open/file"; cmp "$1/b/file" "$2/b/file"`, source, tree)
	if _, err := os.ReadFile(tree + "/b/secret"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a file that the remote user may not read: %v", err)
	}
}
