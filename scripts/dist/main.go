// Command dist builds what is published of slotfs: static binaries, Debian and RPM packages, tarballs, a list of the modules
// in them (CycloneDX), their notices, and checksums. The same commit gives the same bytes. It must not know how slotfs works.
//
// It is a module of its own, so that what makes packages is no dependency of the program.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// architectures are what is published, by Go's names.
var architectures = []string{"amd64", "arm64"}

// release is what all files of one build share.
type release struct {
	source  string // checkout
	out     string
	version string
	commit  string
	time    time.Time // of the commit: that of every file
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("dist: ")
	source := flag.String("source", "../..", "checkout of slotfs")
	arch := flag.String("arch", strings.Join(architectures, ","), "what to build for, with commas")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: dist [-source DIR] [-arch ARCH,...] OUTPUT")
	}
	if err := build(*source, flag.Arg(0), strings.Split(*arch, ",")); err != nil {
		log.Fatal(err)
	}
}

func build(source, out string, architectures []string) error {
	r, err := newRelease(source, out)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "slotfs-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, arch := range architectures {
		if err := r.architecture(arch, filepath.Join(work, arch)); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
	}
	return r.sums()
}

// architecture builds everything for one architecture with work as the directory for what is in between.
func (r *release) architecture(arch, work string) error {
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	binary := filepath.Join(work, "slotfs")
	if err := r.compile(arch, binary); err != nil {
		return err
	}
	modules, err := modulesOf(binary)
	if err != nil {
		return err
	}
	notices := filepath.Join(work, "NOTICES")
	if err := r.writeNotices(modules, notices); err != nil {
		return err
	}
	if err := r.writeBill(modules, r.path(arch, ".cdx.json")); err != nil {
		return err
	}
	content, err := r.content(binary, notices, work)
	if err != nil {
		return err
	}
	if err := r.writeTarball(content, r.path(arch, ".tar.gz")); err != nil {
		return err
	}
	for _, format := range []string{"deb", "rpm"} {
		if err := r.writePackage(format, arch, content); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

// path is that of a file of the release: slotfs-0.2.0-linux-amd64.tar.gz.
func (r *release) path(arch, suffix string) string {
	return filepath.Join(r.out, "slotfs-"+r.version+"-linux-"+arch+suffix)
}

func newRelease(source, out string) (*release, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	out, err = filepath.Abs(out)
	if err != nil {
		return nil, err
	}
	r := &release{source: source, out: out}
	changes, err := os.ReadFile(filepath.Join(source, "CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	newest := regexp.MustCompile(`(?m)^## \[([0-9]+\.[0-9]+\.[0-9]+)\]`).FindSubmatch(changes)
	if newest == nil {
		return nil, fmt.Errorf("CHANGELOG.md: no version")
	}
	r.version = string(newest[1])
	if r.commit, err = r.git("rev-parse", "HEAD"); err != nil {
		return nil, err
	}
	seconds, err := r.git("log", "-1", "--format=%ct")
	if err != nil {
		return nil, err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("time of the commit: %w", err)
	}
	r.time = time.Unix(unix, 0).UTC()
	return r, os.MkdirAll(out, 0o755)
}

func (r *release) git(args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", r.source}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// compile builds the program. The paths of this machine are in none of it.
func (r *release) compile(arch, binary string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w -buildid=", "-o", binary, "./cmd/slotfs")
	cmd.Dir = r.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	return nil
}
