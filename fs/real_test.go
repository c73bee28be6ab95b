package fs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/cache/index"
	"slotfs/fs/content"
	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/cpanel"
	"slotfs/indexer/tree"
)

// indexed is the content of a real index.
type indexed struct{ r *content.Reader }

var _ Content = indexed{}

func (x indexed) Open(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it tree.Item) (File, error) {
	return x.r.Open(ctx, s, t, it)
}

func (x indexed) OpenOriginal(ctx context.Context, s *backup.Snapshot, n int) (File, error) {
	return x.r.OpenOriginal(ctx, s, n)
}

func (x indexed) Deadline() time.Duration { return x.r.Deadline() }

// TestRealArchivesAreTheirSource packs an account with tar as cPanel does, in each of the three ways, makes a pass
// over it, and compares the mount with what was packed.
func TestRealArchivesAreTheirSource(t *testing.T) {
	dir := difficult(t)
	must(t, os.Rename(dir, filepath.Dir(dir)+"/alice"))
	parent := filepath.Dir(dir)
	must(t, os.Remove(parent+"/alice/homedir/longlink")) // SFTP servers may refuse such a target
	root := t.TempDir()
	run(t, "sh", "-euc", `
		for d in 01 02 03; do mkdir -p "$2/2026-01-$d/accounts"; done
		tar -C "$1" --xattrs --acls --format=posix --sparse -czf "$2/2026-01-01/accounts/alice.tar.gz" alice
		tar -C "$1" --format=gnu --sparse -cf "$2/2026-01-02/accounts/alice.tar" alice
		cp -a "$1/alice" "$2/2026-01-03/accounts/alice"`, "sh", parent, root)

	d := desttest.Dir(root)
	x, err := index.Open(t.TempDir(), index.Options{})
	must(t, err)
	defer x.Close()
	summary, err := indexer.Pass(t.Context(), d, cpanel.New(), x, indexer.Options{Destination: "box"})
	if err != nil || summary.Read != 3 || summary.Failed != 0 {
		t.Fatalf("%+v, %v", summary, err)
	}
	r := content.NewReader(d, x, content.Options{})
	defer r.Close()
	c := Config{Catalog: x, Nodes: x, Content: func(string) Content { return indexed{r} }}
	_, mnt := mount(t, c)
	account := mnt + "/box/accounts/alice"
	if got := strings.Join(names(t, account), " "); got != "2026-01-01 2026-01-02 2026-01-03 latest" {
		t.Fatal(got)
	}
	for day, flags := range map[string]string{
		"2026-01-01": "-aHAXc",
		"2026-01-02": "-aHc",                 // this dialect has no attributes, and whole seconds
		"2026-01-03": "-rlpgoDc --size-only", // SFTP has neither, nor hard links
	} {
		args := append(strings.Fields(flags), "-n", "--itemize-changes", "--delete")
		if day != "2026-01-01" {
			args = append(args, "--modify-window=1")
		}
		if out := run(t, "rsync", append(args, parent+"/alice/", account+"/"+day+"/full/")...); out != "" {
			t.Errorf("%s: rsync would change\n%s", day, out)
		}
		if out := run(t, "rsync", append(args, parent+"/alice/homedir/", account+"/"+day+"/files/")...); out != "" {
			t.Errorf("%s: rsync would change in files\n%s", day, out)
		}
	}
	run(t, "cmp", root+"/2026-01-01/accounts/alice.tar.gz", account+"/2026-01-01/archive/alice.tar.gz")
	run(t, "find", mnt, "-ls")
}
