// Command account makes a directory that looks like what cPanel's pkgacct packs: a home directory with sites and
// mail, databases, zones, certificates and settings. The same seed makes the same account. Text comes from
// the Go distribution's own sources, so that it compresses as real code does.
//
//	go run ./scripts/account [-user alice] [-domain example.com] [-size 50] [-uid 1001] [-seed 1] DIR
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	a := account{}
	flag.StringVar(&a.user, "user", "alice", "account name")
	flag.StringVar(&a.domain, "domain", "example.com", "main domain")
	size := flag.Int64("size", 20, "size of the account in MB")
	flag.IntVar(&a.uid, "uid", 1001, "user and group id of the home directory")
	seed := flag.Uint64("seed", 1, "what to make the content from")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "account: give the directory to make")
		os.Exit(2)
	}
	a.size = *size << 20
	a.random = rand.New(rand.NewPCG(*seed, 42))
	a.dir = filepath.Join(flag.Arg(0), a.user)
	if err := a.make(); err != nil {
		fmt.Fprintln(os.Stderr, "account:", err)
		os.Exit(1)
	}
}

// account is one account in the making.
type account struct {
	user, domain string
	size         int64 // bytes that sites, mail, pictures and databases have together
	uid          int
	random       *rand.Rand
	dir          string
	sources      []string // files to take text from
	clock        time.Time
}

// shares say how the size is divided, in percent: about what hosted accounts have.
const (
	shareSites    = 30
	shareDatabase = 27
	sharePictures = 26
	shareMail     = 17
)

func (a *account) make() error {
	a.clock = time.Date(2025, 11, 3, 4, 5, 6, 0, time.UTC)
	root, err := exec.Command("go", "env", "GOROOT").Output() // a binary without paths does not know
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	goroot := strings.TrimSpace(string(root))
	a.sources, err = filepath.Glob(filepath.Join(goroot, "src", "*", "*.go"))
	if err != nil {
		return err
	}
	if len(a.sources) == 0 {
		return fmt.Errorf("no sources below %s to take text from", goroot)
	}
	for _, step := range []func() error{a.settings, a.databases, a.sites, a.pictures, a.mail, a.links, a.own, a.date} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// write puts content at a path below the account's directory.
func (a *account) write(name string, content []byte) error {
	full := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(full, content, 0o644); err != nil {
		return err
	}
	a.clock = a.clock.Add(time.Duration(a.random.IntN(90)) * time.Second)
	return os.Chtimes(full, a.clock, a.clock)
}

// own gives the home directory to the account's user, as far as we may.
func (a *account) own() error {
	if os.Geteuid() != 0 {
		return nil
	}
	return filepath.WalkDir(filepath.Join(a.dir, "homedir"), func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, a.uid, a.uid)
	})
}

// date gives every directory and link one time, so that the same seed makes the same account.
func (a *account) date() error {
	when := unix.NsecToTimespec(a.clock.UnixNano())
	return filepath.WalkDir(a.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.Type().IsRegular() {
			return err
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
	})
}
