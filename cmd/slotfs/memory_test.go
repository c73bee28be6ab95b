package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"slotfs/sftpdest/sshdtest"
)

// mostMemory is what any command takes at most, in KiB, whatever the destination does.
const mostMemory = 400 << 10

// measure runs a command as a child of a small process and prints how much memory it took. A child of this one would be
// blamed for what this one has.
const measure = `import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)`

// measured runs a command, for a while at most, and tells how much memory it took, in KiB.
func (w *world) measured(limit time.Duration, args ...string) (r result, peak int64) {
	w.t.Helper()
	peakFile := filepath.Join(w.dir, "peak")
	line := append([]string{"-c", measure, peakFile, "timeout", "-s", "TERM", fmt.Sprintf("%.1f", limit.Seconds()), built.program,
		"--config", w.config, "--state-dir", w.state}, args...)
	c := exec.Command("python3", line...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir}
	r = w.finish(c)
	text, err := os.ReadFile(peakFile)
	if err == nil {
		peak, err = strconv.ParseInt(string(text), 10, 64)
	}
	if err != nil {
		w.t.Fatalf("%v\n%s%s", err, r.out, r.err)
	}
	return r, peak
}

func (w *world) bounded(peak int64, what string) {
	w.t.Helper()
	if peak > mostMemory {
		w.t.Errorf("%s took %d MiB", what, peak>>10)
	}
}

func TestEndlessListingsFitInMemory(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server sshdtest.Endless
		says   string // what index ends with, "" if it would go on
	}{
		"one directory":     {sshdtest.Endless{Names: 1 << 30, Long: 10}, "more than a million names"},
		"long names":        {sshdtest.Endless{Names: 1 << 30, Long: 220}, "64 MiB of them"},
		"directory in tree": {sshdtest.Endless{Top: []string{"2026-01-05", "accounts", "alice"}, Names: 1 << 30, Long: 10}, "more than a million names"},
		"wide":              {sshdtest.Endless{Names: 5000, Long: 100}, ""},
		"wide tree":         {sshdtest.Endless{Top: []string{"2026-01-05", "accounts", "alice"}, Names: 20_000, Long: 20}, ""},
		"very wide tree":    {sshdtest.Endless{Top: []string{"2026-01-05", "accounts", "alice"}, Names: 400_000, Long: 20}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.serve(c.server)
			limit := 5 * time.Second
			if c.says != "" {
				limit = 5 * time.Minute
			}
			r, peak := w.measured(limit, "index", "--quiet")
			if c.says != "" && (r.code == 0 || !strings.Contains(r.err+r.out, c.says)) {
				t.Errorf("exit code %d, want an error with %q:\n%s%s", r.code, c.says, r.out, r.err)
			}
			w.bounded(peak, "index")
		})
	}
}

// serve makes a server the destination "hostile".
func (w *world) serve(e sshdtest.Endless) {
	w.t.Helper()
	identity, public, err := sshdtest.NewKey(w.dir, "id")
	if err != nil {
		w.t.Fatal(err)
	}
	server, err := sshdtest.StartLocal(sshdtest.LocalOptions{Authorized: public, Serve: e.Serve})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { server.Close() })
	if err := os.MkdirAll(filepath.Dir(w.config), 0o755); err != nil {
		w.t.Fatal(err)
	}
	text := fmt.Sprintf("[destination.hostile]\nengine = \"cpanel\"\ndirectory = \"b\"\nhost = %q\nport = %d\nusername = \"u\"\nidentity-file = %q\nhost-key = %q\n",
		server.Host, server.Port, identity, server.HostKeys[0])
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestArchivesOfManyFilesFitInMemory(t *testing.T) {
	t.Parallel()
	const many = 300_000
	for name, path := range map[string]func(i int) string{
		"one directory": func(i int) string { return fmt.Sprintf("d/%07d", i) },
		"scattered":     func(i int) string { return fmt.Sprintf("%03d/%07d", i*7919%1000, i) },
		"directories":   func(i int) string { return fmt.Sprintf("d/%07d/f", i) },
		"long names":    func(i int) string { return fmt.Sprintf("d/%0100d", i) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			file := filepath.Join(w.store, "2026-01-05/accounts/alice.tar.gz")
			if err := pack(file, many, path); err != nil {
				t.Fatal(err)
			}
			w.must(0, w.addArgs("offsite")...)
			for _, args := range [][]string{{"index", "--quiet"}, {"find", "*9*"}, {"find", "--json", "*99*"}, {"find", "nothing"},
				{"ls", "--json", "offsite/accounts/alice/latest/full/homedir/d"}} {
				r, peak := w.measured(5*time.Minute, args...)
				if args[0] == "index" && r.code != 0 {
					t.Fatalf("%s%s", r.out, r.err)
				}
				w.bounded(peak, strings.Join(args, " "))
			}
		})
	}
}

func TestAPassInAMountFitsInMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 4 {
		file := filepath.Join(w.store, "2026-01-05/accounts", fmt.Sprintf("user%d.tar.gz", i))
		if err := pack(file, 200_000, func(n int) string { return fmt.Sprintf("%02d/%07d", n%50, n) }); err != nil {
			t.Fatal(err)
		}
	}
	w.must(0, w.addArgs("offsite")...)
	w.mount()
	if r, _ := w.measured(5*time.Minute, "index", "--quiet"); r.code != 0 {
		t.Fatalf("exit code %d:\n%s%s", r.code, r.out, r.err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.owner()))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(status), "VmHWM:")
	var peak int64
	if _, err := fmt.Sscan(text, &peak); err != nil {
		t.Fatal(err)
	}
	w.bounded(peak, "the mount")
}

// pack makes an account's archive with n empty files.
func pack(file string, n int, path func(i int) string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	out := tar.NewWriter(z)
	if err := out.WriteHeader(&tar.Header{Name: "alice/cp/alice", Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
		return err
	}
	for i := range n {
		h := tar.Header{Name: "alice/homedir/" + path(i), Typeflag: tar.TypeReg, Mode: 0o644, ModTime: time.Unix(1_700_000_000, 0), Format: tar.FormatGNU}
		if err := out.WriteHeader(&h); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return z.Close()
}
