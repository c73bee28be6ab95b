package slot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/source"
)

// account is a source that changes from run to run.
type account struct {
	t     testing.TB
	root  string
	o     source.Options
	tight bool // all versions of all files are of one second, and some of one size
}

func newAccount(t testing.TB) *account {
	a := &account{t: t, root: t.TempDir()}
	a.dir(".")
	return a
}

// when is a time long ago that depends on the path only through n.
func when(n int) time.Time { return time.Unix(1_600_000_000+int64(n)*61, int64(n)*1000) }

func (a *account) path(p string) string { return filepath.Join(a.root, p) }

func (a *account) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *account) file(p, content string, n int) {
	a.t.Helper()
	a.check(os.MkdirAll(filepath.Dir(a.path(p)), 0o755))
	a.check(os.WriteFile(a.path(p), []byte(content), 0o644))
	at := when(n)
	if a.tight {
		at = time.Unix(when(0).Unix(), int64(n)*1000)
	}
	a.check(os.Chtimes(a.path(p), at, at))
}

func (a *account) dir(p string) { a.check(os.MkdirAll(a.path(p), 0o755)) }
func (a *account) gone(p string) {
	a.t.Helper()
	a.check(os.RemoveAll(a.path(p)))
}

// edit makes the source of run n.
func (a *account) edit(n int) {
	if a.tight {
		a.file("tight/always", fmt.Sprintf("version %3d", n), 200+n)
		a.file("tight/now and then", fmt.Sprintf("version %3d", n/2), 200+n/2)
		a.file("tight/large", strings.Repeat(fmt.Sprintf("version %3d", n), 900), 200+n)
	}
	switch n {
	case 1:
		a.file("public_html/index.html", "one", 1)
		a.file("public_html/style.css", "body{}", 2)
		a.file("public_html/deep/er/page", "page", 3)
		a.file("mail/new\nline", "raw \xff bytes", 4)
		a.file("mail/\xff\xfe", "not UTF-8", 5)
		a.file("mail/empty", "", 6)
		a.file("large", string(bytes.Repeat([]byte("0123456789abcdef"), 600)), 7)
		a.file("swap", "a file that becomes a folder", 8)
		a.file("tree/a", "in a folder that becomes a file", 9)
		a.file("locked", "mode 0000", 10)
		a.check(os.Chmod(a.path("locked"), 0))
		a.check(os.Symlink("../mail", a.path("public_html/link")))
		a.dir("nothing/here")
		for i := range 6 {
			a.file(fmt.Sprintf("logs/%d", i), fmt.Sprint("log ", i), 20+i)
		}
	case 2:
		a.file("public_html/index.html", "two", 31) // same size
		a.gone("public_html/style.css")
		a.gone("swap")
		a.file("swap/inside", "now a folder", 32)
		a.gone("tree")
		a.file("tree", "now a file", 33)
		a.file("new/one", "1", 34)
		a.check(os.Remove(a.path("public_html/link")))
		a.check(os.Symlink("elsewhere", a.path("public_html/link")))
	case 3:
		a.gone("logs")
		a.file("public_html/deep/er/page", "page, longer", 41)
		a.file("large", string(bytes.Repeat([]byte("fedcba9876543210"), 700)), 42)
	case 4:
		a.file("public_html/index.html", "four!", 51)
		a.check(os.Rename(a.path("new/one"), a.path("new/two")))
		a.file("mail/empty", "no more", 52)
	case 5:
		a.gone("swap")
		a.file("swap", "a file again", 61)
		a.gone("tree")
		a.file("tree/a", "a folder again", 62)
		a.file("same", "AAAA", 63)
	default:
		a.file("counter", fmt.Sprint(n), 100+n)
	}
}

// truth is what the source has: hash of files, "dir", or the target of links.
func (a *account) truth() map[string]string {
	all := make(map[string]string)
	err := filepath.WalkDir(a.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(a.root, p)
		if rel == "." {
			rel = ""
		}
		switch {
		case d.IsDir():
			all[rel] = "dir"
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			all[rel] = "-> " + target
			return err
		case d.Type().IsRegular():
			content, err := os.ReadFile(p)
			all[rel] = hashOf(content)
			return err
		}
		return nil
	})
	a.check(err)
	return all
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// later is a clock on which nothing in the source is young.
func later() time.Time { return time.Now().Add(time.Hour) }

// options are those of most tests.
func options(retention int) Options {
	return Options{
		Job: "job", Account: "alice", Directory: "job/alice", Policy: Policy{Last: retention}, Mode: manifest.Incremental, Lanes: 1,
		Host: "test", Tool: "test", Now: later,
		tune: tuning{
			segment: 4, age: time.Hour, small: 4096, wide: 8192, mark: 4096,
			dead: func(*lease.Holder) bool { return false },
			beat: func() (<-chan time.Time, func()) { return nil, func() {} },
		},
	}
}

func (a *account) run(ctx context.Context, d dest.ReadWriter, o Options) (Summary, error) {
	a.t.Helper()
	src, err := source.Open(a.root, a.o)
	a.check(err)
	defer src.Close()
	return Run(ctx, d, src, o)
}

func (a *account) mustRun(d dest.ReadWriter, o Options) Summary {
	a.t.Helper()
	sum, err := a.run(a.t.Context(), d, o)
	a.check(err)
	return sum
}
