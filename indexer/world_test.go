package indexer_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"slotfs/cache/index"
	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/concern"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/cpanel"
	"slotfs/indexer/tree"
)

// world is a destination in a local directory and the index of it.
type world struct {
	t     *testing.T
	root  string
	dest  *desttest.Fake
	index *index.Index
	now   time.Time // of passes; zero: the present
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, root: t.TempDir()}
	w.dest = desttest.Dir(w.root)
	x, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	w.index = x
	return w
}

// account makes an account's directory with a few files and returns its parent.
func (w *world) account(user string, files map[string]string) string {
	w.t.Helper()
	parent := w.t.TempDir()
	all := map[string]string{"cp/" + user: "USER=" + user + "\n", "homedir/a.txt": "a", "homedir/public_html/index.php": "<?php\n"}
	for name, content := range files {
		all[name] = content
	}
	for name, content := range all {
		w.write(filepath.Join(parent, user, name), content)
	}
	return parent
}

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sh(script string, args ...string) {
	w.t.Helper()
	cmd := exec.Command("bash", append([]string{"-euc", script, "-"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// archive packs parent/user as the compressed backup of a day and returns its path.
func (w *world) archive(parent, user, date string) string {
	w.t.Helper()
	name := filepath.Join(w.root, date, "accounts", user+".tar.gz")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	w.sh(`tar -C "$1" -cf - "$2" | gzip -6 >"$3"`, parent, user, name)
	return name
}

func (w *world) options() indexer.Options {
	o := indexer.Options{Destination: "d", Every: 1 << 20, Limits: concern.DefaultLimits}
	if !w.now.IsZero() {
		o.Now = func() time.Time { return w.now }
	}
	return o
}

func (w *world) pass() (indexer.Summary, error) {
	return w.passInto(w.index)
}

// passInto makes a pass that writes to x.
func (w *world) passInto(x indexer.Index) (indexer.Summary, error) {
	return indexer.Pass(context.Background(), w.dest, cpanel.New(), x, w.options())
}

// keptIndex counts the contents that saved states know.
type keptIndex struct {
	*index.Index
	most int
}

func (x *keptIndex) SaveState(ctx context.Context, destination, key string, u *backup.Unfinished) error {
	x.most = max(x.most, len(u.Kept))
	return x.Index.SaveState(ctx, destination, key, u)
}

func (w *world) mustPass() indexer.Summary {
	w.t.Helper()
	sum, err := w.pass()
	if err != nil {
		w.t.Fatal(err)
	}
	return sum
}

func (w *world) snapshots() map[string]*backup.Snapshot {
	w.t.Helper()
	all, err := w.index.Snapshots(context.Background(), "d")
	if err != nil {
		w.t.Fatal(err)
	}
	byKey := map[string]*backup.Snapshot{}
	for _, s := range all {
		byKey[s.Key()] = s
	}
	return byKey
}

// only returns the single snapshot there is.
func (w *world) only() *backup.Snapshot {
	w.t.Helper()
	all := w.snapshots()
	if len(all) != 1 {
		w.t.Fatalf("%d snapshots, want 1", len(all))
	}
	for _, s := range all {
		return s
	}
	return nil
}

func (w *world) resolve(s *backup.Snapshot, path string) tree.Item {
	w.t.Helper()
	item, err := tree.New(w.index, s.Root, tree.NewCache(1<<20)).Resolve(context.Background(), path)
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	return item
}
