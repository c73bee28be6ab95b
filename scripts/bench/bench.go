package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotfs/sftpdest/sshdtest"
)

// distance is the round trip that is added where a figure is about distance.
const distance = 20 * time.Millisecond

type options struct {
	size        int64
	entries     int
	archives    int
	file        int
	small       int
	directories int
}

// bench is the machine that everything is measured on: the program, a server, and room for stores and states.
type bench struct {
	options
	dir    string
	binary string
	server *sshdtest.Server
	stores int
}

func newBench(o options) (*bench, error) {
	dir, err := os.MkdirTemp("", "slotfs-bench")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, binary: filepath.Join(dir, "slotfs")}
	if _, err := b.shell(`CGO_ENABLED=0 go build -o "$1" slotfs/cmd/slotfs`, b.binary); err != nil {
		b.close()
		return nil, err
	}
	if b.server, err = sshdtest.Start(sshdtest.Options{HostKeys: []string{"ed25519"}, Config: "ForceCommand none\n"}); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	if b.server != nil {
		b.server.Close()
	}
	os.RemoveAll(b.dir)
}

// store is a directory on the server.
func (b *bench) store(name string) string { return filepath.Join(b.dir, "store", name) }

// shell runs a script and returns what it printed.
func (b *bench) shell(script string, args ...string) (string, error) {
	cmd := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "-"}, args...)...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.TrimSpace(script), err, stderr.String())
	}
	return out.String(), nil
}

// timed is how long a script takes: the median of n runs.
func (b *bench) timed(n int, script string, args ...string) (time.Duration, error) {
	var times []time.Duration
	for range n {
		start := time.Now()
		if _, err := b.shell(script, args...); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// ssh is a command line that runs something on the server, with the cipher that slotfs prefers.
func (b *bench) ssh() string {
	return fmt.Sprintf("ssh %s -p %d %s@%s", b.sshOptions(), b.server.Port, b.server.Username, b.server.Host)
}

// site is one installation of slotfs with a state of its own.
type site struct {
	*bench
	dir  string
	mnt  string
	base []string
}

// site makes an installation with the store as destination d, reached at port.
func (b *bench) site(store string, port int) (*site, error) {
	b.stores++
	s := &site{bench: b, dir: filepath.Join(b.dir, fmt.Sprintf("site%d", b.stores))}
	s.mnt = filepath.Join(s.dir, "mnt")
	s.base = []string{"--config", filepath.Join(s.dir, "slotfs.toml"), "--state-dir", filepath.Join(s.dir, "state")}
	if err := os.MkdirAll(s.mnt, 0o755); err != nil {
		return nil, err
	}
	return s, s.slotfs("destination", "add", "d", "--engine", "cpanel", "--host", b.server.Host, "--port", strconv.Itoa(port),
		"--username", b.server.Username, "--directory", store, "--identity-file", b.server.Identity, "--accept-new-host-key")
}

// slotfs runs the program at the site.
func (s *site) slotfs(args ...string) error {
	_, err := s.output(args...)
	return err
}

func (s *site) output(args ...string) (string, error) {
	return s.shell(`"$@"`, append(append([]string{s.binary}, s.base...), args...)...)
}

// index runs a pass and returns how long it took.
func (s *site) index() (time.Duration, error) {
	start := time.Now()
	err := s.slotfs("index", "--quiet")
	return time.Since(start), err
}

// mounted runs f while the site is mounted, with cold kernel caches.
func (s *site) mounted(f func() error) error {
	if err := s.slotfs("mount", s.mnt); err != nil {
		return err
	}
	defer s.slotfs("umount", s.mnt)
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
		return err
	}
	return f()
}

// cold is mounted without anything in the cache on disk.
func (s *site) cold(f func() error) error {
	if err := os.RemoveAll(filepath.Join(s.dir, "state", "cache")); err != nil {
		return err
	}
	return s.mounted(f)
}

// stats is what the index holds.
type stats struct {
	Nodes      int64
	Points     int64
	NodeBytes  int64 `json:"node_bytes"`
	PointBytes int64 `json:"point_bytes"`
	DiskBytes  int64 `json:"disk_bytes"`
}

func (s *site) stats() (stats, error) {
	var status struct{ Index stats }
	out, err := s.output("status", "--json")
	if err != nil {
		return stats{}, err
	}
	return status.Index, json.Unmarshal([]byte(out), &status)
}
