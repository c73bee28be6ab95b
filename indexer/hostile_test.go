package indexer_test

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

// tarball writes an account's uncompressed backup of the given members besides the ones that an account has.
func (w *world) tarball(user string, members []tar.Header) {
	w.t.Helper()
	name := filepath.Join(w.root, "2026-01-01", "accounts", user+".tar")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	out := tar.NewWriter(f)
	own := []tar.Header{
		{Name: user + "/cp/" + user, Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: user + "/homedir/", Typeflag: tar.TypeDir, Mode: 0o755},
	}
	for _, h := range append(own, members...) {
		if err := out.WriteHeader(&h); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func TestWhatTheTreeRefusesIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tarball("alice", []tar.Header{
		{Name: "alice/homedir/lost", Typeflag: tar.TypeLink, Linkname: "alice/homedir/never"},
		{Name: "alice/homedir/folder", Typeflag: tar.TypeLink, Linkname: "alice/homedir"},
	})
	w.mustPass()
	if s := w.only(); s.Refused != 2 || s.Status != backup.Complete {
		t.Errorf("%+v", s)
	}
}

//check:without it takes seconds
func TestFilesThatLookWantedAreBounded(t *testing.T) {
	t.Parallel()
	const many = 25_000
	w := newWorld(t)
	var members []tar.Header
	for i := range many {
		members = append(members, tar.Header{Name: fmt.Sprintf("x%d/mysql.sql", i), Typeflag: tar.TypeReg})
	}
	w.tarball("alice", members)
	saved := &keptIndex{Index: w.index}
	if _, err := w.passInto(saved); err != nil {
		t.Fatal(err)
	}
	if s := w.only(); s.Root.Count < 2*many {
		t.Errorf("%d entries", s.Root.Count)
	}
	if saved.most == 0 || saved.most > 20_000 {
		t.Errorf("a saved state knew %d kept files", saved.most)
	}
}

func TestArchivesAreReadAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", nil)
	packed := w.archive(parent, "alice", "2026-01-01")
	w.sh(`cp "$1" "${1%.gz}"; gzip -dc "$1" >"$1.new"; mv "$1.new" "$1"`, packed)
	w.mustPass()
	for path, s := range w.snapshots() {
		want := backup.Tar
		if strings.HasSuffix(path, ".tar") {
			want = backup.TarGzip
		}
		if s.Status != backup.Complete || s.Kind != want || s.Root.Count == 0 {
			t.Errorf("%s: %+v", path, s)
		}
	}
	if sum := w.mustPass(); sum.Found != 2 || sum.Read != 0 {
		t.Errorf("read again: %+v", sum)
	}
}

func TestDestinationWithinAnAccountSaysSo(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"account": "alice", "home": "alice/homedir"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			parent := w.account("alice", map[string]string{"homedir/mail/cur": ""})
			w.sh(`cp -a "$1/." "$2"`, filepath.Join(parent, dir), w.root)
			sum := w.mustPass()
			if sum.Found != 0 || len(sum.Errors) != 1 || !strings.Contains(sum.Errors[0].Error(), "destination's directory") {
				t.Errorf("%+v", sum)
			}
		})
	}
}
