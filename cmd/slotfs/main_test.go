package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/state"
	"slotfs/sftpdest/sshdtest"
)

// built is what all tests of the command line share: the program and an SFTP server with the user's key. The first world makes it.
var built struct {
	once    sync.Once
	err     error
	dir     string
	program string
	races   string // directory of what the race detector reports
	sshd    *sshdtest.Server
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := errors.Join(reportedRaces(), removeBuilt()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build() (err error) {
	if built.dir, err = os.MkdirTemp("", "slotfs-test"); err != nil {
		return err
	}
	built.program, built.races = filepath.Join(built.dir, "slotfs"), filepath.Join(built.dir, "races")
	build := exec.Command("go", append([]string{"build", "-o", built.program}, buildFlags...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	// Processes of all users write there.
	if err := errors.Join(os.Chmod(built.dir, 0o711), os.Mkdir(built.races, 0o700), os.Chmod(built.races, 0o1777)); err != nil {
		return err
	}
	built.sshd, err = sshdtest.Start(sshdtest.Options{})
	return err
}

func removeBuilt() error {
	if built.sshd != nil {
		built.sshd.Close()
	}
	if built.dir == "" {
		return nil
	}
	return os.RemoveAll(built.dir)
}

// reportedRaces is what the race detector found in processes of the program, those in the background as well. There is
// something only if the tests run under it, so that the program was built with it.
func reportedRaces() error {
	if built.races == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(built.races, "*"))
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		err = errors.Join(err, readErr, fmt.Errorf("%s", text))
	}
	return err
}

// world is a configuration, a state directory and a store of backups of one test.
type world struct {
	t        *testing.T
	dir      string
	config   string
	state    string
	store    string
	mnt      string
	username string
	path     string // where its commands look for programs
}

func newWorld(t *testing.T) *world {
	t.Helper()
	built.once.Do(func() { built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	dir := t.TempDir()
	w := &world{t: t, dir: dir, config: filepath.Join(dir, "etc", "slotfs.toml"), state: filepath.Join(dir, "state"),
		store: filepath.Join(dir, "store"), mnt: filepath.Join(dir, "mnt"), username: built.sshd.Username,
		path: os.Getenv("PATH")}
	for _, d := range []string{w.store, w.mnt} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Dir(w.config), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Also that of a process which was killed.
		for syscall.Unmount(w.mnt, syscall.MNT_DETACH) == nil {
			t.Error("a mount stayed behind")
		}
	})
	return w
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// command prepares a command line.
func (w *world) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // a hang fails the test, no more
	w.t.Cleanup(cancel)
	c := exec.CommandContext(ctx, built.program, append([]string{"--config", w.config, "--state-dir", w.state}, args...)...)
	c.Env = []string{"PATH=" + w.path, "HOME=" + w.dir,
		"GORACE=atexit_sleep_ms=0 log_path=" + filepath.Join(built.races, "race")}
	return c
}

// run runs slotfs.
func (w *world) run(args ...string) result {
	w.t.Helper()
	return w.finish(w.command(args...))
}

func (w *world) finish(c *exec.Cmd) result {
	w.t.Helper()
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	err := c.Run()
	if c.ProcessState == nil {
		w.t.Fatalf("%v: %v", c.Args, err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// must runs slotfs and wants an exit code.
func (w *world) must(code int, args ...string) result {
	w.t.Helper()
	r := w.run(args...)
	if r.code != code {
		w.t.Fatalf("slotfs %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// refused runs slotfs and wants an error: its exit code, its first line (in part), and nothing but a hint after it.
func (w *world) refused(code int, want string, args ...string) {
	w.t.Helper()
	w.refusal(w.run(args...), code, want)
}

func (w *world) refusal(r result, code int, want string) {
	w.t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.err, "\n"), "\n")
	last := len(lines) - 1
	if strings.HasPrefix(lines[last], "slotfs: hint: ") {
		last--
	}
	if r.code != code || last < 0 || !strings.HasPrefix(lines[last], "slotfs: ") || !strings.Contains(lines[last], want) {
		w.t.Errorf("exit code %d, want %d, with %q:\n%s%s", r.code, code, want, r.out, r.err)
	}
	if strings.Contains(r.err, "goroutine ") || strings.Contains(r.err, "USAGE") || r.out != "" {
		w.t.Errorf("more than an error:\n%s%s", r.out, r.err)
	}
}

// addArgs is the command line that adds the store as a destination.
func (w *world) addArgs(name string, more ...string) []string {
	s := built.sshd
	return append([]string{"destination", "add", name, "--host", s.Host, "--port", strconv.Itoa(s.Port), "--username", w.username,
		"--directory", w.store, "--identity-file", s.Identity, "--accept-new-host-key"}, more...)
}

// account writes the tree of an account below dir and returns the content of one of its databases.
func (w *world) account(dir, name, marker string) string {
	w.t.Helper()
	database := strings.Repeat("INSERT INTO posts VALUES (1, '"+marker+"');\n", 3000)
	for path, text := range map[string]string{
		"cp/" + name: "DNS=" + name + ".example\nUSER=" + name + "\n", "version": "pkgacct version: 10\n",
		"homedir/public_html/index.php":                     "<?php echo '" + marker + "';\n",
		"homedir/mail/" + name + ".example/info/new/1.host": "Subject: " + marker + "\n\nhello\n",
		"homedir/etc/" + name + ".example/passwd":           "info:x:1001:1001::/home/" + name + "/mail/" + name + ".example/info:/bin/false\n",
		"mysql/" + name + "_shop.sql":                       database,
		"dnszones/" + name + ".example.db":                  "$TTL 14400\n",
		"userdata/main":                                     "main_domain: " + name + ".example\n",
	} {
		file := filepath.Join(dir, name, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	return database
}

// backup puts an account's archive of one day into the store and returns its database's content.
func (w *world) backup(name, day string) string {
	w.t.Helper()
	src := filepath.Join(w.dir, "src", day)
	database := w.account(src, name, name+" "+day)
	w.pack(name, day)
	return database
}

// pack puts the account's tree of one day into the store.
func (w *world) pack(name, day string) {
	w.t.Helper()
	accounts := filepath.Join(w.store, day, "accounts")
	if err := os.MkdirAll(accounts, 0o755); err != nil {
		w.t.Fatal(err)
	}
	tar := exec.Command("tar", "-C", filepath.Join(w.dir, "src", day), "-czf", filepath.Join(accounts, name+".tar.gz"), name)
	if out, err := tar.CombinedOutput(); err != nil {
		w.t.Fatalf("tar: %v\n%s", err, out)
	}
}

// mount mounts in the background and sees to it that nothing stays behind.
func (w *world) mount() {
	w.t.Helper()
	w.must(0, "mount", w.mnt)
	w.t.Cleanup(func() {
		if w.owner() != 0 {
			w.must(0, "umount", w.mnt)
		}
	})
}

// owner is the process that mounts, or 0.
func (w *world) owner() int {
	r, err := api.NewClient(state.Dir(w.state).Socket()).Report(context.Background(), true)
	if err != nil {
		return 0
	}
	return r.PID
}
